"""Training: the only room besides models/local.py that imports torch."""
