"""MentalChat16K (Xu et al., KDD 2025): synthetic counseling by GPT-3.5, and paraphrased talks with
caregivers of people in palliative care.

Hub id `ShenLab/MentalChat16K`: 9,775 synthetic rows and 6,338 of interviews, in two CSV files.
Columns: `instruction` (a request to the model, not read), `input` (the client), `output` (the
reply; of a model in both parts). Licence: MIT by its card, as reported by others; the file was not
seen here.
"""

from psycopref.sources.tabular import Corpus

CORPUS = Corpus(
    "mentalchat16k",
    "ShenLab/MentalChat16K",
    {"text": "input", "answer": "output"},
    by="mentalchat16k",
)
LICENCE = "MIT"
