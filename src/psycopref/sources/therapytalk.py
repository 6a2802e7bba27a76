"""TherapyTalk, the evaluation set of MentalAgora (Lee et al. 2024, arXiv 2407.02736), made with
mental health professionals.

On no Hub id known here; the paper names github.com/jennylee03/MentalAgora. Layout and licence: not
verified here. `question` is taken as the client's words; where the file calls them otherwise, and
to take answers along, map them: `columns = { text = "...", answer = "..." }`.
"""

from psycopref.sources.licences import UNKNOWN
from psycopref.sources.tabular import Corpus

CORPUS = Corpus(
    "therapytalk", "", {"text": "question"}, where="see github.com/jennylee03/MentalAgora"
)
LICENCE = UNKNOWN
