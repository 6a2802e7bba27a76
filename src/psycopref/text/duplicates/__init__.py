"""Texts that say the same: found, put together, and one of them chosen."""
