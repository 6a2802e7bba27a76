"""What a stage would take, said before it is done; and what stands for answers that are not
written yet.
"""

from hashlib import sha256
from typing import NamedTuple

CHARS = 4.0  # per token, of English
ANSWER = 250  # tokens of a counselor's response that is not written yet
PAIRS = 34_329 / 23_192  # preference pairs per train speech in the paper's dataset
WRITTEN = "word " * round(ANSWER * CHARS / 5)  # stands for a response


def written(by: str) -> str:
    """Words that stand for a response, after the name of what would write them; by that name as
    many words as no other has in all likelihood, so that longest and shortest are told apart.
    """
    fewer = int(sha256(by.encode()).hexdigest()[:4], 16) % 100
    return f"{by} {WRITTEN.replace(' ', '-', fewer)}"


class Need(NamedTuple):
    """What training or sampling would take of one stage, wherever it runs.

    `examples` are the pairs (or responses) that are learnt from, in `steps` of the optimiser; or,
    with 0 steps, answers that are sampled. `tokens` are those of all steps, or of all answers.
    `reference` says that another model reads the examples once. Calls are not among it: a rehearsal
    counts them as they are asked.
    """

    examples: int = 0
    steps: int = 0
    tokens: float = 0.0
    reference: bool = False
