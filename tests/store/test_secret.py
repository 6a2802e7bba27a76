"""Ids of groups: under a workspace's secret, and as they were in a workspace without one."""

from pathlib import Path

import pytest

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.sources.setting import SourceSetting
from psycopref.stages.collect import Collect
from psycopref.store.secret import group_id
from psycopref.tables import content_id


def groups(folder: Path, work: Path) -> set[str]:
    source = folder / "in.csv"
    source.write_text("text,who\nI feel very low these days.,P000\nI cannot sleep at all.,P001\n")
    setting = SourceSetting(name="csv", path=source, columns={"text": "text", "group": "who"})
    with Lab(work) as lab:
        return {row.group for row in lab.do(Collect(sources=(setting,))).speeches}


def test_a_number_cannot_be_tried_without_the_key(tmp_path: Path) -> None:
    one, other = groups(tmp_path, tmp_path / "one"), groups(tmp_path, tmp_path / "other")
    plain = {content_id("group", "csv", f"P{number:03d}") for number in range(1000)}
    assert not one & plain and not one & other and len(one) == 2
    key = tmp_path / "one" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    third = tmp_path / "third"
    third.mkdir()
    (third / "key").write_bytes(key.read_bytes())
    assert groups(tmp_path, third) == one
    assert group_id(bytes.fromhex(key.read_text()), "csv", "P000") in one


def test_a_workspace_from_before_keeps_its_ids(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "steps" / "clean-0123456789ab").mkdir(parents=True)
    assert groups(tmp_path, work) == {content_id("group", "csv", one) for one in ("P000", "P001")}
    assert not (work / "key").exists()


def test_a_damaged_key_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "key").write_text("short")
    with pytest.raises(StoreError, match="key"):
        groups(tmp_path, tmp_path / "work")
