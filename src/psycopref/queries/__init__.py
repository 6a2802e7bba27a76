"""What several stages ask of the same tables."""
