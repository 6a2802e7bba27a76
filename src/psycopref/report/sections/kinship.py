"""Whether a judge rates its own kin: judges tend to favour text of their own family, so the page's
head says where that could be. It has no part of its own on the page.
"""

import re
from collections.abc import Mapping, Sequence

# Names of models and organisations by what stands in a pinned name; an entry's own `organisation`
# comes first.
_MAKERS = {
    "OpenAI": r"\bgpt-|\bo[134]-|\bchatgpt|\bopenai\b",
    "Anthropic": r"\bclaude|\banthropic\b",
    "Meta": r"llama|\bmeta\b",
    "Alibaba": r"\bqwen|\balibaba\b",
    "Google": r"\bgemma|\bgemini|\bgoogle\b",
    "Mistral AI": r"mistral|mixtral",
    "Microsoft": r"\bphi-|\bmicrosoft\b",
    "DeepSeek": r"deepseek",
    "01.AI": r"\byi-|\b01-ai\b",
}


def maker(name: str, organisation: str = "") -> str:
    """Who made a model: its entry's `organisation`, else by its name; '' where neither tells."""
    named = [who for who, pattern in _MAKERS.items() if re.search(pattern, name, re.IGNORECASE)]
    return organisation or (named[0] if len(named) == 1 else "")


def notes(
    judges: Mapping[str, str], trained: Sequence[str], responders: Mapping[str, str]
) -> list[str]:
    """What the head of the page says of kinship. `judges` and `responders` are names with
    organisations, `trained` the names of base models.
    """
    lines = []
    for judge, organisation in judges.items():
        kin = maker(judge, organisation)
        for base in dict.fromkeys(trained):
            theirs = maker(base)
            if not kin or not theirs:
                lines.append(
                    f"It is not known whether the judge {judge} and the model that was trained"
                    f" ({base}) are of one family; a judge may favour its own."
                )
            elif kin == theirs:
                lines.append(
                    f"The judge {judge} and the model that was trained ({base}) are of one family"
                    f" ({kin}): its ratings may favour its own."
                )
        own = sorted(name for name, who in responders.items() if kin and maker(name, who) == kin)
        if own and len(own) < len(responders):
            listed = ", ".join(own[:3]) + (f" and {len(own) - 3} more" if len(own) > 3 else "")
            lines.append(
                f"{len(own)} of the {len(responders)} models that answered are of the judge's own"
                f" family ({judge}, {kin}): {listed}."
            )
    return lines
