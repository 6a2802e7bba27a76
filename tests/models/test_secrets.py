"""A planted key and planted client text: in no log line, no repr, no traceback; the key in no file
either.
"""

import asyncio
import logging
import pickle
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from helpers.loopback import Behaviour, Loopback

from psycopref.errors import ModelError
from psycopref.lab import Lab
from psycopref.models.calling import dispatch, rate_limit
from psycopref.models.calling.requests import Requests
from psycopref.models.calling.spill import SpillFile
from psycopref.models.connect import connect
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Message

KEY, SPEECH, ANSWER = (
    "sk-planted-4711",
    "since Marisol left I cannot sleep",
    "it hurts that Marisol left",
)
WELL = Behaviour()
TROUBLES = {
    "well": WELL,
    "cut": Behaviour(cut=1.0),
    "refused": Behaviour(refused=1.0),
    "filtered": Behaviour(filtered=1.0),
    "busy": Behaviour(busy=1.0),
    "broken": Behaviour(broken=1.0, bad_tries=99),
    "slow": Behaviour(latency=1.0),
    "wrong": Behaviour(status=401),
    "unknown": Behaviour(status=404),
    "unfit": Behaviour(status=400),
}


@pytest.fixture
def everything_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.LogCaptureFixture]:
    monkeypatch.setenv("SOME_KEY", KEY)
    plain = asyncio.new_event_loop

    def noisy() -> asyncio.AbstractEventLoop:
        loop = plain()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0  # every callback is logged, with its arguments
        return loop

    monkeypatch.setattr(dispatch.asyncio, "new_event_loop", noisy)  # type: ignore[attr-defined]
    monkeypatch.setattr(rate_limit, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(rate_limit, "CAP", 0.05)
    monkeypatch.setattr("psycopref.lab.Requests", partial(Requests, chunk=4))
    with caplog.at_level(logging.DEBUG):
        yield caplog


def clean(told: str) -> None:
    assert KEY not in told and "Marisol" not in told


def test_nothing_tells_the_key_or_what_a_client_said(
    tmp_path: Path, everything_logged: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with Loopback(TROUBLES, key=KEY) as server, Lab(tmp_path / "work") as lab:
        server.counsel = lambda body: ANSWER
        where = {"kind": "openai", "url": server.url, "key_env": "SOME_KEY", "patience": 1.0}
        entries = [
            ModelEntry.model_validate(
                {"name": name, "timeout": 0.5 if name == "slow" else 20.0, **where}
            )
            for name in TROUBLES
        ]
        asks = [
            Ask(entry.name, (Message("user", f"{SPEECH} {n}"),))
            for n in range(12)
            for entry in entries
        ]
        with pytest.raises(ModelError) as caught:
            list(lab.ask(asks, entries))
        clean(str(caught.value) + "".join(traceback.format_exception(caught.value)))
        assert lab.calls_made == 5 * 12
        clean(
            repr(entries)
            + repr(asks)
            + repr([connect(entry) for entry in entries])
            + repr([vars(connect(entry)) for entry in entries])
        )
        clean(repr(lab.ledger.get([ask.call_id for ask in asks])))
    logged = [
        record.getMessage() + str(record.exc_info or "") for record in everything_logged.records
    ]
    assert any("Lane._take" in line for line in logged), "the loop's own debugging was on"
    clean("\n".join(logged))
    clean("".join(capfd.readouterr()))
    files = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert any(b"Marisol" in path.read_bytes() for path in files), "the ledger has the calls"
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_what_waits_on_disk_has_no_name(tmp_path: Path) -> None:
    spill = SpillFile(tmp_path)
    asks = [Ask("m", (Message("user", f"{SPEECH} {n}"),), draw=n) for n in range(10)]
    for ask in asks:
        spill.put(ask)
    assert list(tmp_path.iterdir()) == [] and (spill.asks, spill.take(4), spill.asks) == (
        10,
        asks[:4],
        6,
    )
    spill.put(asks[0])
    assert spill.take(99) == [*asks[4:], asks[0]] and spill.bytes == spill.asks == 0
    spill.close()


def test_an_ask_stays_itself_in_a_pickle() -> None:
    ask = Ask("m", (Message("user", SPEECH),), 0.5)
    call_id = ask.call_id
    assert (
        pickle.loads(pickle.dumps(ask)) == ask
        and pickle.loads(pickle.dumps(ask)).call_id == call_id
    )


def test_a_key_that_would_break_the_header_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in ("sk-planted\n4711", "sk-plänted-4711"):
        monkeypatch.setenv("SOME_KEY", key)
        with pytest.raises(ModelError, match="SOME_KEY holds characters") as caught:
            connect(ModelEntry(name="m", kind="openai", url="http://h/v1", key_env="SOME_KEY"))
        assert "4711" not in str(caught.value)
