"""Training: one loop, and objectives as pure functions."""
