"""A budget: the run stops before it is passed, keeps what was answered, and goes on when it is
raised. What is spent is shown by stage, model and day.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers.kill_recipe import RECIPE
from helpers.loopback import Loopback

from psycopref.cli.main import main
from psycopref.errors import ModelError
from psycopref.models.budget import Budget
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger

PRICED = ModelEntry(
    name="m",
    kind="openai",
    url="http://localhost:1/v1",
    price_in=2.0,
    price_out=10.0,
    max_tokens=400,
)


def write(folder: Path, url: str, budget: float | None) -> Path:
    path = folder / "recipe.toml"
    priced = RECIPE.format(url=url, c=4).replace(
        'kind = "openai",',
        'kind = "openai", max_tokens = 100, price_in = 100.0, price_out = 400.0,',
    )
    head = "" if budget is None else f"budget = {budget}\n"
    path.write_text(head + priced.replace("low = 640", "low = 720"), encoding="utf-8")
    return path


def test_a_run_stops_at_its_budget_and_goes_on_when_it_is_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback() as server:
        whole = write(tmp_path, server.url, None)
        run.run(str(whole), tmp_path / "whole", Progress(quiet=True))
        every, total = (
            sum(server.book.requests.values()),
            Ledger(tmp_path / "whole" / "calls.sqlite").spent(),
        )
        server.book.requests.clear()
        recipe, work = write(tmp_path, server.url, round(total * 0.7, 2)), tmp_path / "work"
        with pytest.raises(
            ModelError,
            match=(
                rf"rate: the budget of {total * 0.7:,.2f} dollars leaves no room .* raise `budget`"
            ),
        ):
            run.run(str(recipe), work, Progress(quiet=True))
        first, spent = sum(server.book.requests.values()), Ledger(work / "calls.sqlite").spent()
        assert 0 < first < every and 0.3 * total < spent <= round(total * 0.7, 2)
        with pytest.raises(ModelError, match="the budget"):
            run.run(str(recipe), work, Progress(quiet=True))
        assert sum(server.book.requests.values()) == first, "what an earlier run spent counts"
        capsys.readouterr()
        assert (
            main(["run", str(recipe), "--dry-run", "--work", str(work)]) == 0
            and "too little" in capsys.readouterr().out
        )
        run.run(str(write(tmp_path, server.url, total * 2)), work, Progress(quiet=True))
        assert sum(server.book.requests.values()) == every, "no call was paid for twice"
    assert Ledger(work / "calls.sqlite").spent() == pytest.approx(total)
    assert main(["calls", "--work", str(work)]) == 0
    said = capsys.readouterr().out
    assert (
        f"{total:,.2f} dollars" in said
        and datetime.now(UTC).date().isoformat() in said
        and "judge" in said
    )


def test_a_budget_needs_prices(tmp_path: Path) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url, 5.0)
        recipe.write_text(
            recipe.read_text().replace(
                'name = "two", kind = "openai", max_tokens = 100, price_in = 100.0,',
                'name = "two", kind = "openai", max_tokens = 100,',
            )
        )
        with pytest.raises(ModelError, match="budget: model 'two' has no price"):
            run.run(str(recipe), tmp_path / "work", Progress(quiet=True))
        assert not server.book.requests


def test_what_is_in_flight_counts_at_its_estimate() -> None:
    budget = Budget(0.01)
    asks = [Ask("m", (Message("user", "x" * 400),), max_tokens=400, draw=draw) for draw in range(4)]
    assert [budget.hold(PRICED, ask) for ask in asks] == [
        True,
        True,
        False,
        False,
    ], "0.0042 dollars each"
    budget.paid(PRICED, asks[0], Reply(asks[0].call_id, "ok", "", 100, 10))
    assert budget.spent == pytest.approx(0.0003) and budget.hold(PRICED, asks[2])
    budget.let_go(asks[1].call_id)
    assert budget.hold(PRICED, asks[3])
    assert Budget(None).hold(PRICED, asks[0])


def test_a_ledger_from_before_there_were_dollars_gets_them(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "calls.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE calls DROP COLUMN dollars")
    ledger = Ledger(path)
    ask = Ask("m", (Message("user", "hello"),))
    ledger.add([(ask, Reply(ask.call_id, "ok", "hi", 100, 10))], "respond", lambda ask, reply: 0.25)
    assert (
        ledger.spent() == 0.25
        and ledger.by_day()[0]["calls"] == 1
        and ledger.summary()[0]["dollars"] == 0.25
    )


def test_a_budget_needs_limits_to_answers() -> None:
    with pytest.raises(ModelError, match="budget: model 'm' has no max_tokens"):
        Budget(5.0).check([PRICED.model_copy(update={"max_tokens": None})])
    Budget(5.0).check(
        [PRICED, PRICED.model_copy(update={"max_tokens": None, "price_in": 0.0, "price_out": 0.0})]
    )
    Budget(None).check([PRICED.model_copy(update={"max_tokens": None})])


def test_what_costs_nothing_goes_however_little_is_left() -> None:
    ask = Ask("m", (Message("user", "x" * 400),), max_tokens=400)
    spent = Budget(1.0, spent=3.0)
    assert not spent.hold(PRICED, ask)
    assert spent.hold(ModelEntry(name="m", kind="local"), ask) and spent.hold(
        PRICED.model_copy(update={"price_in": 0.0, "price_out": 0.0}), ask
    )


def test_an_answer_without_usage_is_counted_by_its_letters() -> None:
    budget, ask = Budget(1.0), Ask("m", (Message("user", "x" * 400),), max_tokens=400)
    budget.paid(PRICED, ask, Reply(ask.call_id, "ok", "y" * 80))
    assert budget.spent == pytest.approx((100 * 2.0 + 20 * 10.0) / 1e6)
