"""Whether a word in small letters is the name of a person: many clients type no capitals."""

from functools import cache

from psycopref.text.privacy.capitals import PEOPLE, named
from psycopref.text.privacy.lists import Lists, Words, lists, words
from psycopref.text.privacy.reading import Reading

_BEFORE = frozenset(("a", "an", "the", "st", "saint", "san", "santa", "de"))
_FORMAL = frozenset(("dr", "mr", "mrs", "ms", "prof", "doctor", "professor"))
_FROM = words("from in near to around at")
# Words that are verbs too: nothing says that "my wife will" names somebody.
_VERBS_TOO = words("will may can rob sue bill mark drew rose chase grant skip chance case job")
_ENDS = words("and i im i'm but who whom from that so or")
ASKING = _FORMAL | words("named called is was name's names by me")
_NOT_INSTITUTIONS = words("day show law act will group school house")
_OWN = words("my his her our their your")
_SUFFIXES = ("ed", "ing", "ly")


@cache
def typed_small() -> Words:
    """Every word that may be a name in small letters by a list."""
    known = lists()
    return known.small | known.given | known.small_after_relation


def small(reading: Reading, at: int, known: Lists) -> bool:
    """Whether the word here, in small letters, is a name."""
    key = reading.keys[at]
    if key in known.stop or len(key) < 2:
        return False
    one = reading.before(at)
    if key in known.small:
        return (
            one not in _BEFORE
            and not (key in known.eponyms and one in _FROM)
            and reading.after(at) not in known.institutions - _NOT_INSTITUTIONS
        )
    if (
        one in known.relations
        and (key in known.clear or key in known.wordy)
        and _doing(reading, at, known)
    ):
        return True
    listed = key in known.given or key in known.small_after_relation
    if not listed and one not in ASKING:
        return False
    if listed and (one in known.relations or one in known.titles or _beside(reading, at)):
        return key not in known.stop
    if one in _FORMAL and (key in known.surnames or key in known.titled_small):
        return True
    if one in ("mr", "mrs") and key not in known.no_surname and not key.endswith(_SUFFIXES):
        return True
    if (
        listed
        and reading.after(at) in known.verbs
        and key not in ("hunter", "grace", "faith", "summer", "autumn", "paris", "angel", "destiny")
    ):
        return True
    return (listed or _closed(reading, at, known)) and named(reading, at, known)


def _doing(reading: Reading, at: int, known: Lists) -> bool:
    """ "my girl rain and me", "her son sky said": a name that is a word, between a relation and
    what only a person does.
    """
    if (
        reading.keys[at] in _VERBS_TOO
        or reading.key(at - 2) not in _OWN
        or reading.gap(at - 1) != " "
    ):
        return False
    after = reading.after(at)
    return after in known.verbs or (after == "and" and reading.key(at + 2) in ("i", "me"))


def _beside(reading: Reading, at: int) -> bool:
    """ "me and mark", "mark and i"."""
    if reading.before(at) == "and" and reading.key(at - 2) == "me" and reading.gap(at - 1) == " ":
        return True
    return (
        reading.after(at) == "and"
        and reading.key(at + 2) in ("i", "me")
        and reading.keys[at] not in lists().clear | lists().wordy
    )


def _closed(reading: Reading, at: int, known: Lists) -> bool:
    """A word in no list may be a name where the phrase ends after it ("a guy called rhys who"), and
    it looks like no participle.
    """
    key, after = reading.keys[at], reading.gap(at + 1)
    if key.endswith(_SUFFIXES) or not 3 <= len(key) <= 15 or "'" in key:
        return False
    one, two = reading.before(at), reading.key(at - 2)
    if one == "called" and two not in known.relations and two not in PEOPLE:
        return False
    asked = reading.before(at) in (
        "named",
        "called",
        "is",
        "name's",
        "names",
        "by",
    ) and reading.key(at - 2) not in ("was", "am", "be", "been")
    if reading.before(at) in ("is", "was") and _OWN.isdisjoint(
        (reading.key(at - 3), reading.key(at - 4))
    ):
        return False
    return (
        asked
        and key not in known.relations
        and (after[:1] not in (" ", "") or not after.strip() or reading.after(at) in _ENDS)
    )
