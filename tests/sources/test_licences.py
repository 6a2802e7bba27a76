"""Licences travel: every source has one or says that it is not known, and a label that allows more
is refused.
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from psycopref.errors import RecipeError
from psycopref.sources import SOURCES, licences
from psycopref.sources.licences import UNKNOWN, demands, label_for, of_card, said
from psycopref.sources.setting import SourceSetting

CLOSED = {"psych8k": SOURCES["psych8k"].licence, "counsel-chat": SOURCES["counsel-chat"].licence}


def test_known_and_unknown_licences() -> None:
    known = {name: source.licence for name, source in SOURCES.items() if source.licence != UNKNOWN}
    assert known == {
        "sample": "Apache-2.0",
        "counsel-chat": "MIT",
        "psych8k": "CC-BY-NC-SA-4.0",
        "mentalchat16k": "MIT",
    }


def test_what_a_name_asks_for() -> None:
    assert demands("CC-BY-NC-SA-4.0") == {"attribution", "non-commercial", "share-alike"}
    assert demands("research only, non-commercial") == {"attribution", "non-commercial"}
    assert (
        demands("MIT") == {"attribution"}
        and demands("CC0-1.0") == demands("Public Domain") == set()
    )


@pytest.mark.parametrize(
    ("stated", "lost"),
    [
        ("MIT", "non-commercial, share-alike"),
        ("cc-by-nc-4.0", "share-alike"),
        ("CC-BY-SA-4.0", "non-commercial"),
    ],
)
def test_a_label_that_allows_more_is_refused_and_names_the_source(stated: str, lost: str) -> None:
    with pytest.raises(RecipeError, match=rf"'psych8k' is CC-BY-NC-SA-4.0 \({lost}\)"):
        label_for(CLOSED, stated)


def test_labels_that_hold() -> None:
    assert (
        label_for(CLOSED) == "other"
        and label_for(CLOSED, "CC-BY-NC-SA-4.0") == "CC-BY-NC-SA-4.0"
        and label_for(CLOSED, "Other") == "other"
    )
    assert (
        label_for({"counsel-chat": "MIT"}) == "MIT"
        and label_for({"csv": UNKNOWN}) == "other"
        and label_for({}) == "other"
    )
    with pytest.raises(RecipeError, match="'counsel-chat' is MIT"):
        label_for({"counsel-chat": "MIT"}, "CC0-1.0")
    with pytest.raises(RecipeError, match="'amod' is not known here"):
        label_for({"amod": UNKNOWN}, "MIT")
    with pytest.raises(RecipeError, match="SPDX"):
        label_for({"counsel-chat": "MIT"}, "MIT\ntags: [x]")


def test_what_a_card_says() -> None:
    text = said({**CLOSED, "amod": UNKNOWN})
    assert (
        "psych8k: CC-BY-NC-SA-4.0" in text
        and "NOT FOR COMMERCIAL USE, because of psych8k." in text
        and "licence of amod is not known" in text
    )
    assert said({"counsel-chat": "MIT"}) == "Licences of the sources: counsel-chat: MIT."


def test_a_stated_licence_is_kept_and_leaves_other_keys_alone() -> None:
    plain, stated = (
        SourceSetting(name="csv", label="clinic"),
        SourceSetting(name="csv", label="clinic", licence="CC-BY-NC-4.0"),
    )
    assert "licence" not in plain.model_dump(mode="json")
    assert licences([stated.model_dump(mode="json"), {"name": "amod"}, {"name": "gone"}]) == {
        "clinic": "CC-BY-NC-4.0",
        "amod": UNKNOWN,
        "gone": UNKNOWN,
    }
    with pytest.raises(ValidationError, match="has the licence CC-BY-NC-SA-4.0"):
        SourceSetting(name="psych8k", licence="MIT")
    with pytest.raises(ValidationError, match="SPDX"):
        SourceSetting(name="csv", licence="a: b")


@pytest.mark.parametrize(
    ("card", "label"),
    [
        ("---\nlicense: cc-by-nc-4.0\ntags: [x]\n---\n# Set", "cc-by-nc-4.0"),
        ("\ufeff---\r\npretty_name: x\r\nlicense: 'MIT'  # ours\r\n---\r\n", "MIT"),
        ("---\nlicense: other\n---\n", ""),
        ("---\nlicense:\n- mit\n- apache-2.0\n---\n", ""),
        ("---\nlicense: a/b: c\n---\n", ""),
        ("# Set\nlicense: mit\n", ""),
    ],
)
def test_the_card_of_a_dataset_folder_is_read_back(tmp_path: Path, card: str, label: str) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8", newline="")
    assert of_card(tmp_path) == label
    for name in ("published", "huggingface", "preferences"):
        kept = SourceSetting(name=name, label="set", path=tmp_path).model_dump(mode="json")
        assert licences([kept]) == {"set": label or UNKNOWN} and ("licence" in kept) == bool(label)
        stated = SourceSetting(name=name, label="set", path=tmp_path, licence="CC0-1.0").model_dump(
            mode="json"
        )
        assert licences([stated]) == {"set": "CC0-1.0"}
    assert "licence" not in SourceSetting(name="psych8k", path=tmp_path).model_dump(mode="json")


def test_without_a_card_there_is_none(tmp_path: Path) -> None:
    assert of_card(None) == of_card(tmp_path) == of_card(tmp_path / "gone") == ""
