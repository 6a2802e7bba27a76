"""Taxonomies, and who labels by them."""
