"""Personal data to typed placeholders: <NAME> <EMAIL> <PHONE> <URL> <ADDRESS> <HANDLE> <DATE> <ID>.

Own patterns, lists of names and rules of context; telephone numbers are checked against the
numbering plans of `phonenumbers`. Cities, countries, public figures, medicines, toll-free numbers
and the addresses of public crisis services stay. An aid, not a guarantee.
"""

from psycopref.text.privacy.finding import find, mask
from psycopref.text.privacy.masker import Masker
from psycopref.text.privacy.spans import KINDS, PLACEHOLDERS, Span, joined, replaced

__all__ = ["KINDS", "PLACEHOLDERS", "Masker", "Span", "find", "joined", "mask", "replaced"]
