"""Models from inside; with train and models/providers/local the only rooms with torch."""
