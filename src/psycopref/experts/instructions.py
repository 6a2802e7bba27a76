"""What experts are told: written from the instrument, so that they and the judge read the same
definitions.
"""

from collections.abc import Sequence
from typing import Literal

from psycopref.config.instruments import Instrument

_BEFORE = (
    "# For the experts\n\n"
    "You will read what clients say about distress, among it possibly self-harm, violence,"
    " abuse and loss, and replies to it. All of it may be\n"
    "upsetting. Taking part is voluntary: you may skip a row (leave its answers empty and, if"
    " you like, say why under *note*), take a break whenever you want\n"
    "and stop at any time without a reason. Agree beforehand with whoever runs this study whom"
    " you can turn to. If a text makes you think that a real\n"
    "person is in danger, tell them at once.\n\n"
    "Your answers are kept under the pseudonym you write under *annotator*, with the time a"
    " row took where it is measured. They are used to say how far\n"
    "experts agree with labels and with each other. No reply you see goes to a client through"
    " this study.\n\n"
    "- Work alone, in the order of the sheet, and do not talk about single rows before both of"
    " you are done.\n"
    "- Judge the reply, not its length. Replies are unsigned and their order is drawn by lot;"
    " do not guess who wrote them.\n"
    "- Keep every column that was there as it is, above all *sheet_id*. Save as CSV UTF-8.\n"
    "- *seconds* may stay empty. A row may return near the end of the sheet with its replies"
    " the other way round: answer as if it were new.\n"
)
_PAIRS = (
    "\n## Two replies\n\n"
    "Under *overall* write `first`, `second` or `tie`: the reply you would rather have a"
    " licensed colleague send, as a draft to start from. `tie` means that\n"
    "neither is better, not that you have not decided.\n"
)
_SCORES = (
    "\n## One reply\n\n"
    "Give every item a whole number from {low} (not at all) to {high} (in full), for this"
    " reply by itself, not in comparison with those before it.\n"
)


def instructions(
    instrument: Instrument, kinds: Sequence[str], items: Literal["overall", "all"]
) -> str:
    """The page as Markdown: what to expect, consent, how to answer, and the definitions of the
    instrument's items.
    """
    parts = [_BEFORE]
    if {"pairs", "matches"} & set(kinds):
        parts.append(_PAIRS)
        if items == "all":
            parts.append(
                "\nIn the other columns write the same words for the reply that does better on that"
                " item alone, whatever the rest is like.\n"
            )
    if "scores" in kinds:
        parts.append(_SCORES.format(low=instrument.low, high=instrument.high))
    parts.append(f"\n## The items\n\nFrom {instrument.citation}.\n")
    for item in instrument.items:
        parts.append(
            f"\n**{item.title}** (`{item.name}`). {item.definition}\n"
            + "".join(f"- {one}\n" for one in item.criteria)
        )
    return "".join(parts)
