"""TherapistQA (Shreevastava and Foltz 2021, CLPsych): questions of patients, labelled with
cognitive distortions; without answers.

`Annotated_data.csv` of a Kaggle dataset, which is on no Hub id known here: 2,530 rows in UTF-8, as
reported by others. Columns: `Id_Number`, `Patient Question` (the client), `Distorted part`,
`Dominant Distortion`, `Secondary Distortion (Optional)`. Only the question is read. A Speech has no
column for labels and no stage would use them: `topic` holds the paper's 42 topics, which
distortions are not, and a label kept as an answer would be rated and paired. Licence: not verified
here, so unknown.
"""

from psycopref.sources.licences import UNKNOWN
from psycopref.sources.tabular import Corpus

CORPUS = Corpus(
    "therapistqa",
    "",
    {"text": "Patient Question", "id": "Id_Number"},
    where="Annotated_data.csv of the cognitive distortion dataset on Kaggle",
)
LICENCE = UNKNOWN
