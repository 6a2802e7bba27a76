"""What judges and experts say of answers and of pairs of them."""

from dataclasses import dataclass
from typing import Literal

Choice = Literal["chosen", "rejected", "tie"]
Winner = Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What an expert said of a preference pair: item 'overall' or an instrument's item, in source
    terms, never 'left'.

    `shown_first` is the response that stood first on this expert's sheet ('' where that is not
    known), `repeat` is 1 where the pair was shown a second time, `seconds` the time for the sheet's
    row (0 where nobody measured it).
    """

    annotation_id: str
    preference_id: str
    annotator: str
    item: str
    choice: Choice
    seconds: float = 0.0
    note: str = ""
    shown_first: Literal["", "chosen", "rejected"] = ""
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class ExpertRating:
    """What an expert gave a single response on one item of an instrument, in points of its
    scale.
    """

    expert_rating_id: str
    response_id: str
    annotator: str
    item: str
    score: float
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's comparison of two responses in the order in which it saw them."""

    verdict_id: str
    speech_id: str
    first_id: str
    second_id: str
    item: str
    judge: str
    winner: Winner
    call_id: str = ""
