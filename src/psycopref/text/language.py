"""Which language a speech is in, as far as it is plain: only a text that is clearly in another
language is called foreign.

py3langid (naive Bayes over byte n-grams, 139 languages, its model is part of the package) names
probabilities over all languages; a speech is foreign where the wanted one has less than 0.5 % and
another one over a quarter. Slang, typos, capitals and some foreign words stay far above that, other
languages far below, and a text with hardly a known n-gram has no winner: figures by
`benchmarks/languages.py`.
"""

import re
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LEAST, MOST = (
    0.005,
    0.25,
    # a text is foreign where the wanted language is less probable than the first, and the likeliest
    # more than the second
)
_PLACEHOLDER = re.compile(r"<[A-Z]+>")


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def languages() -> list[str]:
    """The codes (ISO 639, 'en', 'de', ...) of the languages that are told apart."""
    return sorted(map(str, _identifier().labels))


def foreign(text: str, wanted: str) -> str:
    """The code of the likeliest language of a text that is clearly not in the wanted one, else ''.
    Placeholders such as <NAME> do not count.
    """
    said = _PLACEHOLDER.sub(" ", text)
    if not any(map(str.isalpha, said)):
        return ""
    ranked: list[tuple[str, float]] = _identifier().rank(said)
    likeliest, share = ranked[0]
    return likeliest if share > MOST and dict(ranked)[wanted] < LEAST else ""
