"""Figures as inline SVG, each from a small table."""
