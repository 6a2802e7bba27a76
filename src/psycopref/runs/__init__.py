"""A run of a recipe: done, rehearsed, done elsewhere, exported."""
