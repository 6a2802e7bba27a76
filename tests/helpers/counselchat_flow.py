"""A dataset recipe for CounselChat against the loopback server, with slow, busy, broken, cut-off
and refusing models.
"""

from pathlib import Path

from helpers.loopback import Behaviour, Loopback

MODELS = {
    "quick": Behaviour(),
    "slow": Behaviour(latency=0.05),
    "busy": Behaviour(busy=0.15),
    "broken": Behaviour(broken=0.1, cut=0.03),
    "shy": Behaviour(refused=0.05, filtered=0.03),
    "judge": Behaviour(busy=0.03, broken=0.02, cut=0.02, refused=0.01),
}


def server() -> Loopback:
    """The server, with a behaviour for each model."""
    return Loopback(MODELS)


def entry(name: str, url: str) -> str:
    """One pool entry."""
    return (
        f'{{ name = "{name}", kind = "openai", url = "{url}", concurrency = 32, max_tokens = 400 }}'
    )


def recipe(csv: Path, url: str) -> str:
    """The recipe as TOML: five models and the therapists' own answers, four drawn per speech."""
    pool = ",\n  ".join(entry(name, url) for name in MODELS if name != "judge")
    return f"""
flow = "dataset"
[dataset.collect]
sources = [{{ name = "counsel-chat", path = "{csv}" }}]
[dataset.clean]
[dataset.dedup]
[dataset.topics]
labeller = "classifier"
test_share = 0.1243          # 3,291 of 26,483
dev_share = 0.1
[dataset.respond]
include_given = true
per_speech = 4
[dataset.respond.pool]
name = "loopback"
models = [
  {pool}
]
[dataset.rate]
instrument = "psychocounsel"
judge = {entry("judge", url)}
[dataset.pair]
instrument = "psychocounsel"
"""
