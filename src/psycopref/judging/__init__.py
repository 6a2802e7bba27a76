"""What is asked of a judge, and what its answers say."""
