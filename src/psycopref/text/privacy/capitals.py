"""Whether a word with a capital is the name of a person."""

from psycopref.text.privacy.lists import Lists, words
from psycopref.text.privacy.reading import Reading

_ARTICLES = frozenset(
    ("a", "an", "the", "another", "no", "some", "these", "those", "inner", "total")
)
_WHERE = words(
    "in from to near at around outside via through across of leaving visit visited visiting left"
    " downtown north south east west to"
)
_GREETINGS = words(
    "hi hello hey hiya dear heya howdy morning evening afternoon namaste greetings yo thanks"
    " thankyou thx cheers"
)
_CALLS = words(
    "call calls called calling name named names naming nickname nicknamed address addressed label"
    " labelled goes go going went known christened"
)
_BE = words(
    "is was are were be been being am im i'm hes he's shes she's whos who's its it's thats that's"
    " got gets she he they"
)
_MINE = words(
    "my his her their your our husband's wife's real first last full middle maiden given birth"
    " legal dead whose the"
)
_TALK = frozenset(".,!?;:\n-–—)")
_HE_IS = words("he's hes she's shes who's whos he she who they're i'm im")
PEOPLE = words(
    "he she who man woman person someone somebody guy girl boy lad lady kid people one dude bloke"
    " chap girlfriend boyfriend child baby"
)
_TURNS = words("of you in it me my this that on the up down your our us out off")
_FROM = words(
    "work accounting hr my the school church class next upstairs downstairs home sales marketing"
    " finance group college uni"
)
_OWN = words("my his her our their your")
_SHORT = words("dr mr mrs ms mx prof rev fr sgt cpt lt")
_LOOSE = words(
    "don dean miss lady lord elder chief sir tia tio don dona master coach judge principal nurse"
)
_TRUSTS = words(
    "confide confided confiding believe believed believing trust trusted disappointed interested"
    " confidence faith interest see saw love fell falling"
)
# After "isn't" or "is", what a virtue or a month does not do.
_DOES = words(
    "eating sleeping talking speaking answering crying drinking pregnant asleep dating cheating"
    " texting screaming yelling shouting vomiting cutting married divorced engaged"
)
_JOINS = frozenset(("and", "&", "n", "or"))
_ALONG = frozenset(("me", "i", "myself", "him", "her"))


def capital(reading: Reading, at: int, known: Lists, found: dict[int, int]) -> bool:
    """Whether the word here, which has a capital, is a name; `found` holds the names before it
    (first word to last word).
    """
    word, key = reading.words[at], reading.keys[at]
    if key in known.stop or not _like_a_name(reading, at, known):
        return False
    if key in known.institutions or _institution(reading, at, known):
        return False
    if titled(reading, at, known) or named(reading, at, known):
        return True
    before = reading.before(at)
    if before in _ARTICLES:
        return False
    if key in known.given and key not in known.eponyms:
        return not _elsewhere(reading, at, known)
    if len(word) < 2:
        return False
    return (
        _shared(reading, at, known)
        or _by_relation(reading, at, known)
        or _greeted(reading, at)
        or _joined(reading, at, known, found)
    )


def _elsewhere(reading: Reading, at: int, known: Lists) -> bool:
    """A town after "in", or a shop after "at"."""
    before, owns = reading.before(at), reading.owns(at)
    if owns and reading.keys[at] in known.shops:
        return before in ("at", "to", "from", "a", "our", "in")
    return (
        before == "in"
        and not owns
        and reading.key(at - 2) not in _TRUSTS
        and reading.key(at - 2) not in _BE
    )


def _like_a_name(reading: Reading, at: int, known: Lists) -> bool:
    """No abbreviation; a word in capitals only where it is a name that nothing else is written
    like.
    """
    word, key = reading.words[at], reading.keys[at]
    if len(word) > 1 and word.isupper():
        return len(key) > 3 and (
            key in known.small
            or (key in known.given and reading.before(at).upper() == reading.words[at - 1] != "I")
        )
    return not (len(word) == 1 and reading.key(at - 1) not in known.titles)


def _institution(reading: Reading, at: int, known: Lists) -> bool:
    """Part of a street, a school, a chapter and verse, or a saint's name."""
    if reading.before(at) in (
        "st",
        "saint",
        "san",
        "santa",
        "mt",
        "fort",
        "port",
        "lake",
        "mount",
    ) or (reading.gap(at) == ". " and reading.key(at - 1) == "st"):
        return True
    for step in (1, 2):
        nearby = (
            reading.words[at + step]
            if at + step < len(reading.words) and reading.gap(at + step) == " "
            else "x"
        )
        if nearby[0].isupper() and reading.key(at + step) in known.institutions:
            return True
        if not nearby[0].isupper():
            break
    rest = reading.gap(at + 1)[:4]
    return rest[:1] == " " and rest[1:2].isdigit() and ":" in reading.gap(at + 1)[:6]


def titled(reading: Reading, at: int, known: Lists) -> bool:
    """After a title, or before one that follows the name."""
    title = reading.key(at - 1)
    if title in known.titles and (
        reading.gap(at) == " " or (reading.gap(at) in (". ", ".") and title in _SHORT)
    ):
        return title not in _LOOSE or reading.words[at - 1][0].isupper()
    return reading.after(at) in known.titles_after


def named(reading: Reading, at: int, known: Lists) -> bool:
    """After "named", "called", "name is", "call me" and their like, or where a client says who is
    speaking.
    """
    one, two, three = reading.before(at), reading.key(at - 2), reading.key(at - 3)
    if one in ("named", "nicknamed", "christened"):
        return True
    if one == "called":
        return _somebody(two, known) or two in _HE_IS or (two in _BE and _somebody(three, known))
    if one in ("is", "was", "be", "actually", "still") and (
        two in ("name", "names") or (two == "is" and three == "name")
    ):
        return three in _MINE or two == "is" or reading.key(at - 4) in _MINE
    if one in ("name", "names", "name's") and two in _MINE:
        return reading.words[at - 1][-2:] in ("'s", "’s") or one == "names"
    if one in ("me", "him", "her", "us", "by", "as", "myself") and two in _CALLS:
        return True
    return _introduced(reading, at)


def _somebody(key: str, known: Lists) -> bool:
    return key in known.relations or key in PEOPLE


def _introduced(reading: Reading, at: int) -> bool:
    one, two, after = reading.before(at), reading.key(at - 2), reading.gap(at + 1)
    if at + 1 < len(reading.words) and reading.after(at) in ("here", "again") and after == " ":
        return (at < 3 or one in ("it's", "its", "it")) and reading.gap(at + 2)[:1] in _TALK | {""}
    if (
        one in ("i'm", "im")
        or (one == "am" and two == "i")
        or (one == "is" and two == "this")
        or (one in ("it's", "its") and at < 6)
    ):
        greeted = any(key in _GREETINGS for key in reading.keys[max(0, at - 8) : at])
        aged = after.strip(" ,(")[:2].isdigit()
        ends = (
            after[:1] in _TALK
            or not after
            or reading.after(at) in ("and", "from", "here", "again", "by")
        )
        return aged or (greeted and ends)
    return False


def _shared(reading: Reading, at: int, known: Lists) -> bool:
    """A name that is also something else: a town, a month, a virtue, a verb; or a family name."""
    key, after = reading.keys[at], reading.after(at)
    town, wordy = key in known.towns, key in known.wordy
    if not (town or wordy or key in known.clear or key in known.surnames):
        return False
    if key in known.eponyms:
        return False
    if after in known.verbs and not _proper(reading, at - 1):
        return True
    if (town or wordy) and (
        after in known.weak_verbs or (key in known.with_being and after in known.being)
    ):
        return True
    if _said_who(reading, at, known) or (after in known.being and reading.key(at + 2) in _DOES):
        return True
    if key in known.clear:
        return False
    if not reading.middle(at) or _proper(reading, at - 1) or _proper(reading, at + 1, known):
        return False
    if town or key in known.surnames:
        return reading.before(at) not in _WHERE
    return after not in _TURNS


def _said_who(reading: Reading, at: int, known: Lists) -> bool:
    """ "Faith, my roommate," "Rose is my grandmother", "Joy from accounting"."""
    after = at + 1
    if reading.gap(after) == " " and reading.key(after) == "from":
        return reading.key(at + 2) in _FROM and not _proper(reading, at - 1)
    if reading.gap(after) == " " and reading.key(after) in known.being:
        after += 1
    elif reading.gap(after) not in (", ", " ("):
        return False
    return reading.key(after) in _OWN and (
        reading.key(after + 1) in known.relations or reading.key(after + 2) in known.relations
    )


def _proper(reading: Reading, at: int, known: Lists | None = None) -> bool:
    """Whether the word belongs to a run of words with capitals; family names after a first name are
    not such a run.
    """
    if not 0 <= at < len(reading.words) or reading.words[at] == "I" or reading.words[at][0] == "<":
        return False
    if known is not None:
        return (
            reading.gaps[at] == " "
            and reading.titled(at)
            and reading.keys[at] not in known.surnames
            and reading.keys[at] not in known.given
        )
    return (
        reading.gaps[at + 1] == " "
        and reading.titled(at)
        and reading.middle(at)
        and len(reading.words[at]) > 1
    )


def _by_relation(reading: Reading, at: int, known: Lists) -> bool:
    """After "my friend", "his ex", "our daughter": "my cousin Hieu", "my therapist, Oluwaseun,",
    "My wife (Carol)".
    """
    if reading.key(at - 1) not in known.relations or reading.keys[at] in known.eponyms:
        return False
    gap = reading.gap(at)
    if (
        gap == " "
        and reading.words[at - 1][0].isupper()
        and (
            reading.middle(at - 1)
            or reading.key(at - 1) in ("child", "girl", "boy", "baby", "student", "client")
        )
    ):
        return False  # "Child Protective Services", "Girl Scouts"
    if gap == " ":
        return not reading.words[at - 1].endswith(("'s", "’s"))
    after = reading.gap(at + 1).strip('"')
    return gap in (", ", " (", ' "', "- ", " - ") and (
        after[:1] in (",", ")", ".", "-") or not after
    )


def _greeted(reading: Reading, at: int) -> bool:
    """ "Hi Dana," "Dear Nkechi": a greeting before, and the end of a phrase after."""
    if reading.key(at - 1) not in _GREETINGS and not (
        reading.key(at - 1) == "you" and reading.key(at - 2) == "thank"
    ):
        return False
    return reading.gap(at) in (" ", ", ") and (
        reading.gap(at + 1)[:1] in _TALK or not reading.gap(at + 1)
    )


def _joined(reading: Reading, at: int, known: Lists, found: dict[int, int]) -> bool:
    """Beside another name: "me and Will", "Grace and I", "Zoe, Harper and Mei-Ling"."""
    if not reading.titled(at) or reading.keys[at] in known.eponyms:
        return False
    one, two = reading.before(at), reading.key(at - 2)
    if (
        reading.after(at) == "and"
        and reading.key(at + 2) in ("i", "me", "myself")
        and not _proper(reading, at - 1)
    ):
        return True
    if one == "and" and two in _ALONG and reading.gap(at - 1) == " ":
        return (
            two in ("me", "myself") or reading.keys[at] in known.clear | known.wordy | known.towns
        )
    ends = set(found.values())
    if one in _JOINS and at - 2 in ends and reading.gap(at - 1) in (" ", ", "):
        return not reading.owns(at - 2) or reading.owns(at)
    return (
        reading.gap(at) in (", ", "/", " & ")
        and at - 1 in ends
        and reading.gap(at + 1)[:1] in (",", "/", " ")
        and reading.after(at) in ("", "and", "or")
    )
