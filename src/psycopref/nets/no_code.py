"""No code of a model's folder ever runs: said to every loader, since transformers asks on standard
input where nothing is said.
"""

from typing import Any

# For every `from_pretrained` and `from_config`; tests/nets/test_no_code.py finds one without it.
NO_CODE: dict[str, Any] = {"trust_remote_code": False}


def why(error: Exception) -> str:
    """What is wrong with a folder that does not load, in a word or two: never the loader's own
    text, which tells how to have the code run.
    """
    if needs_code(error):
        return "it needs Python code of its own, which is never run here"
    return type(error).__name__


def needs_code(error: Exception) -> bool:
    """Whether a loader failed since a folder brings code that it would have to run."""
    return "trust_remote_code" in str(error)
