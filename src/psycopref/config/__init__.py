"""What experts edit, read."""
