"""The order of the stages, one flow a file, and FLOWS, written out by hand."""

from psycopref.flows import ablation, dataset, judges, paper, reward
from psycopref.flows.base import Flow

FLOWS: dict[str, Flow] = {
    "dataset": dataset,
    "paper": paper,
    "ablation": ablation,
    "judges": judges,
    "reward": reward,
}
