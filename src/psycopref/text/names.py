"""Names of people, masked only where the words around them say that they are names."""

import re

_WORD = r"(?:[DO]['’]|Mc|Mac)?[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+(?:['’-][A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+)?"
_FULL = rf"{_WORD}(?: (?:[A-Z]\.? )?{_WORD}){{0,2}}"
_CREDENTIAL = (
    r"(?:LPCC?|LPC-?\w|LCPC|LCSW|LICSW|LMSW|LSW|MSW|LMFT|MFT|LMHC|LCMHC|LPE|LP|NCC|CADC|Ph\.?D|Psy\.?D|D\.?B\.?H"
    r"|Ed\.?D|Ed\.?S|M\.?Ed|M\.?A|M\.?S|R\.?N|M\.?D)\b"
)
_WISHES = (
    r"(?:[Ss]incerely|(?:[Ww]arm(?:est|ly)?|[Kk]ind(?:est)?|[Bb]est|[Mm]any|[Mm]y (?:very )?(?:best|warmest)) ?(?:[Rr]egards|[Ww]ishes|[Tt]hanks)?(?: to you)?"
    r"|[Rr]egards|[Tt]hank(?:s| you)(?: (?:so much|again|in advance))?|[Tt]ake care|[Bb]e well|[Yy]ours(?: truly)?|[Cc]heers|[Bb]lessings|[Rr]espectfully"
    r"|[Nn]amaste|[Ll]ove|[Gg]ood luck|[Ss]igned)"
)
MY_NAME = re.compile(
    r"(?P<lead>\b(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir) (?:(?:first|last|full|middle|real|maiden|given) )?"
    rf"name(?:'s| is| was)(?: also| actually| still)? )(?P<name>{_FULL})"
)
MY_SMALL_NAME = re.compile(r"(?P<lead>\b[Mm]y name(?:'s| is) )(?P<name>[a-z]{2,15})(?=,| and [iI]\b| [iI]'?m\b| [iI] |[.!?;\n]|$)")
GREETED = re.compile(
    rf"(?P<lead>\b(?:[Hh]i|[Hh]ello|[Hh]ey)\b[^.?!\n]{{0,20}}[,.!;:]? ?(?:I'm|I am|[Tt]his is) )(?P<name>{_WORD}(?: {_WORD})?)"
    r"(?=[,.!;\n]| and\b| from\b| here\b|$)"
)
I_AM_AGED = re.compile(rf"(?P<lead>\bI(?:'m| am) )(?P<name>{_WORD}(?: {_WORD})?)(?=,? (?:and )?(?:I'm |I am |a |an )?\d{{2}}\b|, (?:a|an|I'm|I am) )")
TITLED = re.compile(rf"(?P<lead>\b(?:Dr|Mr|Mrs|Ms|Prof|Rev|Fr)\b\.? ?|\b(?:Miss|Professor|Doctor|Pastor|Reverend|Rabbi|Officer) )(?P<name>{_FULL})")
SIGNED = re.compile(
    rf"(?P<lead>(?:^|[\n.!?,;:)] ?|(?<=[a-z])(?=[A-Z])){_WISHES},? ?(?:[.!,\n-]|-{{1,2}}) ?\n{{0,2}})"
    rf"(?P<name>{_WORD}(?: (?:[A-Z]\.? ?)?{_WORD})?(?: [A-Z]\.?)?)(?=,? ?(?:{_CREDENTIAL}|\(|$)|\.?\s*$)"
)
DASH_SIGNED = re.compile(rf"(?P<lead>(?:\n|[.!?] ?)(?:-|--|~|—|–) ?)(?P<name>{_FULL})(?=[.,!]?\s*$| ?\()")
CREDENTIALED = re.compile(rf"(?P<lead>(?:^|(?<=\W)|(?<=[a-z.!])))(?P<name>{_WORD} (?:[A-Z]\.? ?)?{_WORD})(?=, ?{_CREDENTIAL})")
_RULES = (MY_NAME, MY_SMALL_NAME, GREETED, I_AM_AGED, TITLED, SIGNED, DASH_SIGNED, CREDENTIALED)

# Words that no rule takes for a name.
_NEVER = """
a about after again all also always am an and another any anyone are as at be because been before being both but by can cannot come could dad dear did
do does doing don done even ever every everyone everything feel feeling for from get go going good got had has have he her here hers him his how
however i if im in is it its just know last lately let like made make many maybe me mine mom more most mother father much my need never no nobody none
not nothing now of off on once one only or our out over people please probably really right sad said same say see she should since so some someone
something sometimes sorry still such sure take tell than thank thanks that the their them then there these they thing things think this those though
through time to today told tomorrow tonight too try two unfortunately until up us very was we well were what when where which while who why will with
without won worried would yeah yes yesterday yet you your yours god lord jesus american african asian hispanic latino latina black white british
english irish scottish canadian australian indian chinese japanese korean mexican german french italian spanish russian jewish christian catholic
muslim hindu buddhist mormon atheist baptist protestant bipolar autistic gay lesbian bi bisexual trans transgender asexual adhd ocd ptsd anxious
depressed borderline monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november
december wrong perfect universe america mud ruined gone known mentioned dragged written listed hurt
"""
# Names that are also everyday words or places: masked where a rule finds them, but not wherever else they stand in the text.
_SHARED = """
will faith hope grace joy mark rose may summer autumn dawn chance art bill frank grant jack rich rob sue pat drew angel destiny virginia georgia
carolina jordan austin charlotte paris sky star hunter mason chase ray gene guy miles skip dick victor melody harmony patience charity mercy heaven
brook ivy lily violet ruby pearl jade amber crystal robin jay norm tad van
"""
_NOT_NAMES = frozenset(_NEVER.split())
_NOT_ELSEWHERE = _NOT_NAMES | frozenset(_SHARED.split())


def mask_names(text: str) -> str:
    """The text with <NAME> for names in clear context, and for the same names elsewhere in it."""
    found: set[str] = set()

    def put(match: re.Match[str]) -> str:
        name = name_in(match["name"])
        if not name:
            return match.group()
        found.update(part for part in re.findall(_WORD, name) if len(part) > 2 and part.casefold() not in _NOT_ELSEWHERE)
        return f"{match['lead']}<NAME>{match['name'][len(name) :]}"

    for rule in _RULES:
        text = rule.sub(put, text)
    if found:
        text = re.sub(rf"\b(?:{'|'.join(sorted(map(re.escape, found)))})\b(?!>)", "<NAME>", text)
    return re.sub(r"<NAME>(?: <NAME>)+", "<NAME>", text)


def name_in(words: str) -> str:
    """The leading words that may be a name; nothing where the first is an everyday word."""
    kept: list[str] = []
    for word in words.split(" "):
        if word.strip(".").casefold() in _NOT_NAMES or (not kept and word.islower() and re.search(r"(?:ed|ing|ly)$", word)):
            break
        kept.append(word)
    return " ".join(kept)
