"""Amod mental_health_counseling_conversations: questions of clients on two online platforms, with
answers of psychologists.

Hub id `Amod/mental_health_counseling_conversations`, about 3,500 rows as reported by others.
Columns: `Context` (the client), `Response` (the therapist); a context stands in several rows, one
per answer. It overlaps with CounselChat. Citation: Bertagnolli (2020), Counsel chat: bootstrapping
high-quality therapy data, and the set's own card. Licence: not verified here, so unknown; its card
holds the terms.
"""

from psycopref.sources.licences import UNKNOWN
from psycopref.sources.tabular import Corpus

CORPUS = Corpus(
    "amod", "Amod/mental_health_counseling_conversations", {"text": "Context", "answer": "Response"}
)
LICENCE = UNKNOWN
