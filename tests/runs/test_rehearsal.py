"""The dry run: the calls that the run then makes, nobody asked, nothing trained, prices where the
pool has them.
"""

import json
from pathlib import Path

import pytest
from helpers.kill_recipe import RECIPE
from helpers.loopback import Loopback
from helpers.tiny import BAD, GOOD, TINY
from helpers.tiny_paper import write

from psycopref.cli.main import main
from psycopref.cli.rehearsal import show
from psycopref.flows import dataset, paper, rewards
from psycopref.lab import Lab
from psycopref.nets.start import Size
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.runs import run
from psycopref.runs.rehearsal import Line, rehearse
from psycopref.stages.nulls import NULLS
from psycopref.train import estimate
from psycopref.train.settings import Training


def rehearsed(recipe: str, work: Path, progress: Progress) -> list[Line]:
    return rehearse(recipe, work, progress).calls


def test_it_counts_the_calls_that_the_run_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    with Loopback() as server:
        recipe = tmp_path / "recipe.toml"
        priced = RECIPE.format(url=server.url, c=4).replace(
            'name = "judge",', 'name = "judge", price_in = 2.5, price_out = 10.0,'
        )
        recipe.write_text(priced.replace("low = 640", "low = 760"), encoding="utf-8")
        found = rehearse(str(recipe), work, Progress(quiet=True))
        show(found)
        lines = {(line.stage, line.model): line for line in found.calls}
        said = capsys.readouterr().out
        assert sum(server.book.requests.values()) == 0 and not list(work.glob("steps/respond-*")), (
            "nobody is asked"
        )
        run.run(str(recipe), work, Progress(quiet=True))
        asked = sum(server.book.requests.values())
        assert asked == sum(line.calls - line.kept for line in lines.values()) > 0
        again = rehearsed(str(recipe), work, Progress(quiet=True))
        assert sum(server.book.requests.values()) == asked and all(
            line.calls == line.kept for line in again
        ), "all of it is kept by now"
    judge = lines["rate", "judge"]
    assert (
        judge.dollars == pytest.approx((judge.tokens_in * 2.5 + judge.tokens_out * 10) / 1e6)
        and judge.dollars > 0
    )
    assert lines["respond", "one"].dollars is None and "2 models without a price" in said


def test_a_whole_paper_is_estimated_without_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url)
        assert main(["run", str(recipe), "--dry-run", "--work", str(tmp_path / "work")]) == 0
        assert sum(server.book.requests.values()) == 0
    said = capsys.readouterr().out
    assert (
        "respond" in said
        and "rival" in said
        and "training.online x 1" in said
        and "10 calls to make" in said
    )
    assert not list((tmp_path / "work").glob("steps/policy-*")) and not list(
        (tmp_path / "work").glob("runs/*")
    )


@pytest.mark.parametrize(("more", "arms"), [("", 3), ('systems = "each"', 5)])
def test_a_judge_is_counted_for_every_state_and_order(tmp_path: Path, more: str, arms: int) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url)
        judge = (
            f'[training.evaluate]\njudge = {{ name = "judge", kind = "openai", url = "{server.url}"'
            ' }\nitems = "all"\nrepeats = 0'
        )
        text = (
            recipe.read_text()
            .replace("[training.evaluate]", judge)
            .replace("[training]\n", f"[training]\n{more}\n")
        )
        recipe.write_text(text, encoding="utf-8")
        lines = {
            line.stage: line
            for line in rehearsed(str(recipe), tmp_path / "work", Progress(quiet=True))
        }
    nulls = len(NULLS)
    assert lines["evaluate"].calls == (arms + nulls) * 2 * 10, (
        "seven principles cost no further call"
    )


def test_rankers_on_more_test_sets_are_counted(tmp_path: Path) -> None:
    """Eight pairs of another set, both orders, beside the ten of the run: as many as
    `rewards.tabled` asks for.
    """
    rows = [
        {
            "id": n,
            "prompt": f"Day {n} began badly again. " * 3,
            "chosen": f"{GOOD} {n}",
            "rejected": f"{BAD} {n}",
        }
        for n in range(8)
    ]
    (tmp_path / "bench.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with Loopback() as server:
        server.extra = lambda body: json.dumps({"rationale": "so", "winner": "1"})
        more = (
            '\n[training.rankers.llm]\njudge = { name = "j", kind = "openai", url ='
            f' "{server.url}" }}\n[training.tests.bench]\n'
        )
        more += (
            f'sources = [{{ name = "preferences", path = "{tmp_path / "bench.jsonl"}", licence ='
            ' "CC0-1.0" }]\n'
        )
        path = write(tmp_path, server.url, "paper", more)
        lines = {
            line.stage: line
            for line in rehearsed(str(path), tmp_path / "work", Progress(quiet=True))
        }
        recipe = load_recipe(str(path))[1]
        assert isinstance(recipe, paper.Recipe)
        with Lab(tmp_path / "work", Progress(quiet=True)) as lab:
            built = dataset.built(recipe.dataset, lab)
            weights = lab.do(
                recipe.training.reward, built.speeches, built.responses, built.preferences, None
            ).weights
            before = sum(server.book.requests.values())
            rewards.tabled(recipe.training, lab, built, weights)
            asked = sum(server.book.requests.values()) - before
    assert lines["rank"].calls == asked == 2 * (10 + 8)


def test_memory_and_gpus_of_the_shapes_people_train() -> None:
    eight = estimate.shape("meta-llama/Llama-3.1-8B-Instruct", Size())
    assert eight is not None and eight.parameters == 8e9 and eight.known == "name"
    plain = Training(precision="bf16", recompute=True)
    full = estimate.need(plain, eight, 1e7, reference=True)
    assert 128e9 < full.bytes_whole < 170e9 and full.spread and full.gpus in (2, 4)
    lora = estimate.need(plain.model_copy(update={"lora": 16}), eight, 1e7, reference=True)
    four = estimate.need(
        plain.model_copy(update={"lora": 16, "quantise": "nf4"}), eight, 1e7, reference=True
    )
    assert not lora.spread and 32e9 < lora.bytes_whole < 50e9 and four.bytes_whole < 20e9
    assert estimate.shape("someone/unnamed", Size()) is None
    assert (
        estimate.need(plain, eight, 2e7, reference=False).hours
        > estimate.need(plain, eight, 1e7, reference=False).hours
    )


def test_the_count_of_a_fresh_model_is_its_own() -> None:
    from psycopref.nets.weights import fresh_policy

    model = fresh_policy(["one two three four five"] * 50, TINY, 0).model
    found = estimate.shape("", TINY.model_copy(update={"vocab": model.config.vocab_size}))
    assert found is not None and found.parameters == pytest.approx(
        sum(one.numel() for one in model.parameters()), rel=0.02
    )


def test_a_folder_is_counted_by_its_configuration(tmp_path: Path) -> None:
    from psycopref.nets.weights import fresh_policy

    loaded = fresh_policy(["one two three four five"] * 50, TINY, 0)
    loaded.model.save_pretrained(tmp_path)
    found = estimate.shape(str(tmp_path), Size())
    assert (
        found is not None
        and found.known == "config"
        and found.parameters == sum(one.numel() for one in loaded.model.parameters())
    )


def test_mixtures_and_giants_are_not_made_small() -> None:
    names = {
        "Qwen/Qwen3-30B-A3B": 30e9,
        "mistralai/Mixtral-8x7B-Instruct-v0.1": 56e9,
        "meta-llama/Llama-3.2-3B-Instruct": 3e9,
    }
    for name, parameters in names.items():
        found = estimate.shape(name, Size())
        assert found is not None and found.parameters == parameters
    giant = estimate.shape("meta-llama/Llama-3.1-70B-Instruct", Size())
    assert giant is not None
    assert estimate.need(Training(precision="bf16", recompute=True), giant, 1e6, False).gpus == 0, (
        "280 GB do not fit into one GPU to begin with"
    )
    assert (
        estimate.need(Training(precision="bf16", recompute=True, lora=16), giant, 1e6, False).gpus
        == 0
    ), "adapters are trained with the model whole"
    assert (
        estimate.need(
            Training(precision="bf16", recompute=True, lora=16, quantise="nf4", batch_tokens=2048),
            giant,
            1e6,
            False,
        ).gpus
        == 1
    )


def test_a_configuration_that_nests_its_text_model_is_counted(tmp_path: Path) -> None:
    from transformers import Gemma3Config, Gemma3TextConfig, SiglipVisionConfig

    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    text = Gemma3TextConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2, **heads
    )
    Gemma3Config(
        text_config=text,
        vision_config=SiglipVisionConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2
        ),
    ).save_pretrained(tmp_path)
    found = estimate.shape(str(tmp_path), Size())
    assert found is not None and found.known == "config" and found.wide == 64


def test_rounds_that_ask_for_too_much_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write(tmp_path, "http://localhost:1")
    recipe.write_text(
        recipe.read_text(encoding="utf-8").replace("round_speeches = 8", "round_speeches = 800"),
        encoding="utf-8",
    )
    assert main(["run", str(recipe), "--dry-run", "--work", str(tmp_path / "work")]) == 0
    assert "WARNING: [training]: round_speeches = 800" in capsys.readouterr().out
