"""Psych8k (Liu et al. 2023, ChatCounselor, arXiv 2309.15461): what clients say and replies, written
by GPT-4 from 260 counseling recordings.

Hub id `EmoCareAI/Psych8k` (access is granted by hand), 8,187 rows in one JSON list,
`Alexander_Street_shareGPT_2.0.json`. Columns: `instruction` (the same request to the model, not
read), `input` (the client), `output` (the reply). Licence: CC-BY-NC-SA-4.0 by its card, as reported
by others; neither the card nor the file was seen here.
"""

from psycopref.sources.tabular import Corpus

CORPUS = Corpus("psych8k", "EmoCareAI/Psych8k", {"text": "input", "answer": "output"}, by="psych8k")
LICENCE = "CC-BY-NC-SA-4.0"
