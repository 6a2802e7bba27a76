"""Datasets of the Hugging Face Hub by their id, fetched into the Hub's own cache (which then holds
their unmasked text).
"""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from psycopref.errors import SourceError

_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w.-]+))?")
_FILES = (".parquet", ".csv", ".jsonl", ".json")


def fetch(path: Path, what: str, patterns: Sequence[str]) -> Path:
    """The local folder of the Hub dataset 'owner/name' or 'owner/name@revision'; SourceError where
    it cannot be had.
    """
    match = _ID.fullmatch(path.as_posix())
    if match is None or path.suffix in _FILES:
        raise SourceError(
            f"{path}: no such {'file' if path.suffix in _FILES else 'folder'}, and not a Hub id"
            f" ('owner/name'); check the path of source {what!r}"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise SourceError(
            f"{path}: no such folder; to read it as a Hub id install huggingface_hub, or download"
            " the dataset and give its folder"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                match["id"],
                repo_type="dataset",
                revision=match["revision"],
                allow_patterns=list(patterns),
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        why = (
            "no such folder, and the Hub dataset of that name could not be fetched"
            f" ({type(error).__name__})"
        )
        raise SourceError(
            f"{path}: {why}; check the name, or download it and give its folder"
        ) from error
