"""What a notebook needs, and nothing else: `import psycopref` gives these names."""
