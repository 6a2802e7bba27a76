"""Which process of a launch this is: one alone, or one of several that `accelerate launch` started
side by side.
"""

import os

SPIN = "30000"


def share_the_machine() -> None:
    """Let torch's threads spin less while they wait for one another (GNU OpenMP; before it is
    loaded, and only where nobody has set it).

    Alone on a machine it costs nothing; where other work wants a core, training is several times as
    fast (docs/findings.md).
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN)


def rank() -> int:
    """0 for the first process and for one alone; the others follow it."""
    return int(os.environ.get("RANK", "0"))
