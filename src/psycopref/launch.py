"""Which process of a launch this is: one alone, or one of several that `accelerate launch` started side by side."""

import os


def rank() -> int:
    """0 for the first process and for one alone; the others follow it."""
    return int(os.environ.get("RANK", "0"))
