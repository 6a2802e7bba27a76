"""Street addresses, flats, post-office boxes and full postcodes; a bare city, state or country
stays.
"""

import re
from collections.abc import Iterator, Sequence, Set

from psycopref.text.privacy.lists import lists, words
from psycopref.text.privacy.spans import Span

_ABBREVIATED = (
    "St|Ave|Av|Rd|Blvd|Ln|Dr|Ct|Pl|Terr|Cir|Hwy|Pkwy|Sq|Cres|Gdns|Pde|Tce|Grv|Trl|Cl|Est|Str|Crt"
    "|Rte"
)
_FULL = (
    "Street|Avenue|Road|Boulevard|Lane|Drive|Court|Place|Terrace|Circle|Highway|Parkway|Way|Square"
    "|Crescent|Close|Grove|Gardens|Mews|Row|Trail|Loop|Rise|Walk|Hill|View|Heights|Estate|Park"
    "|Nagar|Marg|Quay|Quays|Parade|Esplanade|Alley|Pike|Turnpike|Path|Run|Ridge|Green|Croft|Vale"
    "|Villas|Drove|Wynd|Strasse|Straat|Layout|Colony|Enclave|Vihar|Landing|Pass|Crossing|Commons"
    "|Plaza|Bend|Hollow|Cove|Trace|Promenade|Strand|Wharf|Yard|Brae|Fold|Garth|Chase|Approach"
    "|Cottages|Mansions|Bungalows|Meadow|Meadows|Orchard|Paddock|Spinney|Broadway|Extension|Bay"
    "|Creek|Gate|Mount|Bank|Common|Residency|Towers|Apartments|Buildings|Point|Lea|Leas|Dene|Copse"
    "|Cross|Main|Sector|Phase|Route|Chowk|Bazaar|Salai|Sarani|Bypass|Expressway|Link|Glen|Grange"
    "|Springs"
)
_STREET = f"{_ABBREVIATED}|{_FULL}"
_SAFE = (
    "street|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|court|ct|terrace|circle|highway|hwy"
    "|parkway|pkwy|crescent|cres|close|mews|grove|st|nagar|tce|pde"
)
_LOOSE = (
    f"{_SAFE}|dr|place|pl|gardens|parade|heights|row|trail|loop|rise|walk|hill|view|estate|park"
    "|quay|ridge|green|way|square|villas|colony|layout|croft|vale"
)
_STOP = (
    r"(?!(?:I|I'm|And|But|My|He|She|We|It|It's|The|They|This|That|So|When|Then|You|Your|His|Her|Our"
    r"|If|In|At|On|Mr|Mrs|Ms|Dr|Mum|Mom|Mam|Dad|Since|Because|Please|Not|No|Now|After|Before|Every"
    r"|What|Who|Why|How|Is|Was|Do|Can|Could|Would|Will|There|There's|Here|Yes|As|For|From|With|To"
    r"|Just|Even|Never|Nobody"
    r"|Last|Same|Some|Sometimes|All|A|An|One|Two|Ever|Still|Yesterday|Today|Anyway|Also|Or)\b)"
)
_PART = r"(?:[A-Z][A-Za-z'’.-]{0,30}|\d{1,3}(?:st|nd|rd|th)|of|the|de|la)"
_UNIT = (
    "Apt|Apartment|Unit|Suite|Ste|Flat|Room|Rm|Lot|Trailer|Block|Blk|Bldg|Building|Tower|Floor|Plot"
    "|House|Hse|Door|Villa|Space|Spc|Shop|Site|No"
)
_FLAT = (
    rf"(?:(?:{_UNIT}|#)\b\.? ?(?:[Nn]o\.?"
    r" ?)?#?(?:\d\w{0,5}|[A-Z]\d{0,4}\b)|#\d\w{0,5}(?:-\d{1,5})?|\d{1,2}(?:st|nd|rd|th)"
    r" [Ff]loor)"
)
_UK = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2}"
_EIRCODE = r"[AC-FHKNPRTV-Y]\d[\dW] ?[\dAC-FHKNPRTV-Y]{4}"
_CANADA = r"[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d"
_CODE = rf"(?:{_UK}|{_EIRCODE}|{_CANADA}|\d{{5}}(?:-\d{{4}})?|\d{{3}} ?\d{{3}}|\d{{4}})"
_CITY = rf"(?:,? (?:\d{{1,2}}(?:st|nd|rd|th) )?{_STOP}[A-Z][a-z'’-]{{1,25}}\b){{1,5}}"
_REST = rf"(?:,? {_FLAT})?(?:{_CITY})?(?:,? [A-Z]{{2,3}}\b)?(?:(?:,| ?[-–])? {_CODE}\b)?"
_NUMBER = r"\d{1,5}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?"
_KIND = rf"(?:(?:{_FULL})\b|(?:{_ABBREVIATED})\b\.?)"
STREET = re.compile(
    r"(?<![\w$€£.,-])(?=[\dAUSFRLTBPHDVN#aflu])(?:(?:unit|flat|apt|lot)"
    rf" (?=\d)(?:\d{{1,5}}[A-Za-z]?,? (?=\d))?|{_FLAT},? )?(?:{_NUMBER}"
    rf"|{_FLAT}),? (?:(?:[NSEW]|North|South|East|West|NE|NW|SE|SW)\.? )?"
    rf"(?:{_PART} ){{1,4}}{_KIND}(?: (?:NE|NW|SE|SW|[NSEW])\b)?(?:"
    rf" \d{{1,4}}(?=,|\.(?!\d)|$))?{_REST}"
    rf"|(?<![\w$€£.,-])\d{{1,5}}[A-Za-z]? (?:Broadway|Strand|Esplanade)\b{_REST}"
    r"|\b[A-Z][a-z]{2,25}(?:straat|laan|strasse|straße|gasse|weg|plein)"
    rf" \d{{1,4}}[a-zA-Z]?\b{_REST}"
    r"|\b\d{1,4},? (?:[Rr]ue|[Cc]alle|[Vv]ia|[Rr]ua|Jalan|Jln)(?: (?:de|la|du|des|del|da|do))*"
    rf" [A-Z][\w'’-]{{1,25}}{_REST}"
)
_NO_NAME = (
    r"(?!(?:the|this|that|our|his|her|their|and|for|from|with|off|down|miles?|minutes?|mins|blocks?"
    r"|hours?|hrs|bedrooms?|times|years?|months?|weeks?|days?"
    r"|cars?"
    r"|houses?|people|kids|more|other|different|long|lane|way|feet|yards|metres|meters|doors"
    r"|streets|near|past|left|along|another|nights?|friends?|steps?|into|out|when|which|who|was"
    r"|were|are|been|has|had|she|they|you|not|but|one|two|all|walks?|guys?|girls?|boys?|men|women"
    r"|pills?|hundred|thousand|mile|minute|beers?|shots?|drinks?|seconds?|secs|bucks|dollars|quid"
    r"|pounds|euros|percent|stone|saw|got|went|after|before|across|above|below|over|under|about"
    r"|around|next|every|some|any|each|where|then|than|just|too|very|really|because|cause|cuz|cos"
    r"|since|until|till|while|like|want|need|make|made|bus|car|train)\b)"
)
_SMALL_UNIT = (
    r"(?:apt|apartment|unit|flat|room|lot|#)\b\.? ?(?:no\.? ?)?#?(?:\d\w{0,4}|[a-z]\d{0,3}\b)"
)
_SMALL_REST = (
    rf"(?:,? (?:apt|apartment|unit|flat|lot|#)\.? ?#?\d?\w{{1,4}}\b)?"
    rf"(?:(?:,? [a-z]{{3,20}}){{0,2}}(?:,? [a-z]{{2}})?,? (?:\d{{5}}|{_UK}|{_CANADA})\b)?"
)
_SMALL_START = (
    rf"(?<![\w$€£.,-])(?=[\daufrl#])(?:{_SMALL_UNIT},? )?{_NUMBER},?"
    r" (?:(?:[nsew]|north|south|east|west)\.? )?"
)
SMALL_STREET = re.compile(
    rf"{_SMALL_START}(?:{_NO_NAME}(?:[a-z'’]{{3,20}}|st)"
    rf" ){{1,3}}(?:{_SAFE})\b(?!')(?:(?<=st|rd|ln|ct)\.|(?<=ave)\.|(?<=blvd)\.)?{_SMALL_REST}",
    re.IGNORECASE,
)
LOOSE_STREET = re.compile(
    rf"{_SMALL_START}(?:{_NO_NAME}[a-z'’]{{3,20}} ){{1,2}}(?:{_LOOSE})\b(?!'){_SMALL_REST}",
    re.IGNORECASE,
)
SMALL_HOUSE = re.compile(
    rf"\b(?:flat|apt|apartment|unit|room) ?\d{{1,4}}[a-z]?,? (?:{_NO_NAME}[a-z'’]{{3,20}}"
    r" ){1,2}(?:house|court|lodge|heights|towers?|mansions|hall|point"
    rf"|building)\b"
    rf"(?:, (?:\d{{1,4}}[a-z]? )?(?:{_NO_NAME}[a-z'’]{{3,20}} ){{1,2}}(?:{_SAFE})\b)?",
    re.IGNORECASE,
)
# Before a house number, these say that somebody lives there.
_HOME = re.compile(
    r"\b(?:liv(?:e|es|ed|ing)|stay(?:s|ed|ing)?|address|addy|house|flat|home|place|moved|send|sent"
    r"|write|post|come|came|over|round|based|renting?|rented"
    r"|number|bought"
    r"|sold|move)\b[^.!?\n\d]{0,25}$",
    re.IGNORECASE,
)
LIVES_ON = re.compile(
    r"\b(?:[Ll]ives?|[Ll]iving|[Ll]ived|[Hh]ouse|[Ff]lat|[Aa]partment|[Hh]ome|[Aa]ddress|[Ss]taying"
    r"|[Ss]tay|[Mm]oved|[Pp]lace|[Gg]rew"
    r" up|[Rr]enting"
    r"|[Bb]edsit|[Ss]treet|[Rr]oad)\b"
    r"(?: is| was)? (?:at |on |in |to |into |over on |down |up on |off )?"
    rf"(?P<what>(?:{_STOP}(?:[A-Z][a-z'’]+|St\.?)"
    r" ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Boulevard|Blvd|Crescent|Close|Terrace|Court"
    r"|Drive|Grove"
    rf"|Mews|Gardens|Row"
    r"|Ridge|Walk|Parade|Quay|Trail|Rise|Nagar|Marg|Loop|Villas|Circle)\b(?:[,.]"
    r" (?:[Nn]umber|[Nn]o\.?) \d{1,4}[a-z]?\b)?)"
)
SMALL_LIVES_ON = re.compile(
    rf"\b(?:lives?|living|lived|house is|house|flat|stay|staying|moved|grew up)"
    rf" (?:on|to|off|down|at) "
    rf"(?P<what>(?:{_NO_NAME}(?!a\b|my\b)[a-z]{{3,15}}"
    r" ){1,2}(?:street|st|avenue|ave|road|rd|lane|crescent|close|terrace|grove|drive|blvd)\b)(?!')"
)
_BUILDING = (
    "House|Cottage|Farm|Forge|Barn|Lodge|Manor|Villa|Mill|Rectory|Vicarage|Farmhouse|Bungalow"
    "|Chambers|Mansions|Court|Towers?|Hall|Apartments"
)
NAMED_HOUSE = re.compile(
    rf"\b(?:[A-Z][a-z'’]{{1,20}} ){{1,2}}(?:{_BUILDING}), (?:\d{{1,4}}[A-Za-z]?"
    r" )?(?:[A-Z][a-z'’]{1,20} ){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Close|Drive|Crescent|Terrace|Grove|Mews|Hill|Row"
    r"|Walk|Square|Way|Green"
    rf"|Gardens)\b(?:,(?:{_CITY}))?(?:,? {_CODE}\b)?"
)
BOX = re.compile(
    rf"\b(?:(?:[Gg]\.?)?[Pp]\.? ?[Oo]\.?,? ?(?:[Bb]ox|BOX)|(?:Private|Locked|Mail) [Bb]ag|General"
    rf" Delivery,? (?:Box)|Postbus|RR ?\d,? Box"
    rf"|[Pp]ost(?:al)? ?(?:[Oo]ffice )?[Bb]ox)"
    rf"(?: [Nn]o\.?| [Nn]umber)? ?#?[A-Z]{{0,2}} ?\d{{1,6}}\b(?:{_CITY})?(?:,?"
    rf" [A-Z]{{2,3}}\b)?(?:,? {_CODE}\b)?"
)
POSTCODE = re.compile(
    r"(?<!\w)(?:[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}|[AC-FHKNPRTV-Y]\d[\dW]"
    r" [\dAC-FHKNPRTV-Y]{4}|[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d)\b"
    r"|\b[A-Z]{2} \d{5}(?:-\d{4})?\b|\b\d{5}-\d{4}\b|\b(?:NSW|VIC|QLD|TAS|ACT) \d{4}\b|,"
    r" [A-Z][a-z]{3,20} ?[-–] ?\d{6}\b"
)
NAMED_CODE = re.compile(
    r"\b(?:zip|postal|post|pin)[ -]?(?:code)?(?: is|:| =|'s)?"
    r" (?P<what>[A-Za-z]{0,2}\d[A-Za-z\d]{0,6}(?: ?\d[A-Za-z]{2}| \d[A-Za-z]\d| \d{3})?)\b",
    re.IGNORECASE,
)
_HEAD = (
    r"(?:(?:(?:Flat|Apartment|Apt|Unit|Suite|Room|Rm|Lot|Block|Blk|Bldg|Building|Plot|House|Hse"
    r"|Door|Tower|Villa|Shop|Floor|Quarters|Purok|Barangay|Brgy|Sector"
    r"|H|D|Dr|KM|Km)\b\.? ?(?:[Nn]o\.? ?|[Nn]umber"
    r" )?#?(?:\d{1,5}[A-Za-z]?|[A-Z]\d{0,4}\b)(?:[-/]\w{1,5}){0,4}|No\."
    r" ?\d{1,4}[A-Za-z]?(?:[-/]\w{1,5})?"
    r"|#\d{1,5}(?:[-/]\w{1,5}){0,3}|[A-Z]-?\d{1,4}[A-Z]?(?:/\d{1,4})?)(?!\w))"
)
UNITS = re.compile(
    rf"(?<![\w.-]){_HEAD}(?:, (?=[A-Z\d#])(?:\d{{1,5}}[A-Za-z]?"
    rf" )?(?:(?:No\.|St\.|{_STOP}[A-Z][\w'’-]{{0,25}}|\d{{1,6}}(?:st|nd|rd|th)?|#[\d-]{{1,8}}"
    rf"|of)(?: |(?=[,.!?;:)\n]|$))){{1,5}}){{1,6}}"
)
_STRONG = re.compile(r"Flat|Apartment|Apt|Plot|House|Hse|H\b|Door|Purok|Barangay|Brgy|D\b")
_PLACE = re.compile(
    r"\b(?!(?:Bay|Point|Main|Common|Gate|Bank|Pass|Run|Way|Mount|Link|Trace|Bend|Phase)\b)"
    rf"(?:{_STREET}|Hall|House|Lodge|Hostel|Society|Complex|Village|Camp"
    rf"|Quarters|Subdivision|Homes)\b"
)
# A flat by itself, where somebody lives in it or where a letter follows its number.
ALONE = re.compile(
    r"\b[Aa]pt\.? ?#?\d{1,4}[A-Za-z]?\b|\b(?:[Ff]lat|[Aa]partment|[Uu]nit)"
    r" (?:#?\d{1,4}[A-Z]|[A-Z]\d{1,3})\b"
    r"|\b(?:liv(?:e|es|ed|ing)|stay(?:s|ing)?|moved|neighbou?rs?|man|woman|guy|lady|couple|people"
    r"|family|from|downstairs|upstairs)"
    r" (?:in|into|at|from|to) "
    r"(?P<what>(?:[Ff]lat|[Aa]partment) (?:no\.? |number )?\d{1,4}[A-Za-z]?)\b(?! ?floors)"
)
DOOR = re.compile(
    r"\bat (?:number|no\.?) (?P<what>\d{1,4}[a-z]?)\b(?=[.,;!?)\n]|"
    r" (?:and|but|who|with|has|is|was|across|since|said|says|i|they|he|she)\b|$)",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"\b(?:liv(?:e|es|ed|ing)|neighbou?rs?|man|woman|guy|lady|couple|people|family|them|house|door"
    r"|he's|she's|they're|i'm|im|are|is)(?:"
    r" over| up| down)? $",
    re.IGNORECASE,
)
# Streets of films, books and governments.
_KNOWN = re.compile(
    r"(?:10|11) downing|221 ?b baker|1600 pennsylvania|4 privet|12 grimmauld|742 evergreen|21"
    r" jump|10 cloverfield|8 mile|62 west wallaby|84 charing"
    r"|32 windsor gardens",
    re.IGNORECASE,
)
_TEAM = re.compile(r"^\d+ [^,]*\b(?:Park|Bay|Creek|Point|Hill|Green) [A-Z][a-z]+s\b")
_ROADS = frozenset(_STREET.lower().split("|")) | frozenset(_LOOSE.split("|"))
_LIVING = words("live lives living lived house flat stay staying moved grew")
_ABROAD = words("broadway strand esplanade rue calle via rua jalan jln")
_DUTCH = ("straat", "laan", "strasse", "gasse", "plein")
_BY_WORDS = (
    (words("box bag postbus delivery"), (BOX,)),
    (words("zip postal post pin postcode zipcode pincode"), (NAMED_CODE,)),
    (words("flat apartment apt unit"), (ALONE,)),
    (words("flat apartment apt unit room"), (SMALL_HOUSE,)),
)


def addresses(text: str, keys: Set[str], digits: bool) -> Iterator[Span]:
    """Addresses; `keys` are the words of the text, `digits` says whether it has any."""
    roads = keys & _ROADS
    capital = any(f" {road.capitalize()}" in text for road in roads)
    if capital:
        yield from _all((LIVES_ON, NAMED_HOUSE), text)
    if roads and not keys.isdisjoint(_LIVING):
        yield from _all((SMALL_LIVES_ON,), text)
    if digits:
        yield from _numbered(text, keys, bool(roads), capital)


def _numbered(text: str, keys: Set[str], road: bool, capital: bool) -> Iterator[Span]:
    if capital or not keys.isdisjoint(_ABROAD) or any(key.endswith(_DUTCH) for key in keys):
        yield from (
            _span(match)
            for match in STREET.finditer(text)
            if not (_KNOWN.match(match.group()) or _TEAM.match(match.group()))
        )
    if road:
        yield from _streets(text)
    yield from _all((POSTCODE,), text)
    if "," in text:
        yield from (_span(match) for match in UNITS.finditer(text) if _chained(match.group()))
    for words_of, patterns in _BY_WORDS:
        if not keys.isdisjoint(words_of):
            yield from _all(patterns, text)
    if "at" in keys and not keys.isdisjoint(("number", "no")):
        for match in DOOR.finditer(text):
            if _SOMEBODY.search(text, max(0, match.start() - 30), match.start()):
                yield Span(*match.span("what"), "ADDRESS")


def _streets(text: str) -> Iterator[Span]:
    """Streets with a house number, typed without capitals."""
    for match in SMALL_STREET.finditer(text):
        if not _KNOWN.match(match.group()):
            yield _with_city(text, match)
    for match in LOOSE_STREET.finditer(text):
        if _HOME.search(text, max(0, match.start() - 50), match.start()):
            yield _with_city(text, match)


def _with_city(text: str, match: re.Match[str]) -> Span:
    """A street in small letters, and the city that follows it after a comma."""
    city = re.compile(r", ([a-z]{4,20})(?=[.,;!?)\n]| (?:and|but|or|with)\b|$)").match(
        text, match.end()
    )
    known = lists()
    return Span(
        match.start(),
        city.end() if city and city[1] in known.eponyms | known.towns else match.end(),
        "ADDRESS",
    )


def _chained(what: str) -> bool:
    """Whether parts with commas between are an address: a street, a hall or a postcode is among
    them, or the first is a flat or a plot.
    """
    return bool(
        _STRONG.match(what) or _PLACE.search(what) or re.search(rf" {_UK}$| \d{{5,6}}$", what)
    )


def _span(match: re.Match[str]) -> Span:
    return Span(match.start(), match.start() + len(match.group().rstrip(" ,")), "ADDRESS")


def _all(patterns: Sequence[re.Pattern[str]], text: str) -> Iterator[Span]:
    for match in (match for pattern in patterns for match in pattern.finditer(text)):
        yield Span(*match.span("what" if match.groupdict().get("what") else 0), "ADDRESS")
