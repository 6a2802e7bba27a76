"""`psycopref verify`: whether a workspace is as it was written."""

import argparse

from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "verify",
        "check every step, weight and call against what was written",
        ["psycopref verify", "psycopref verify --work clinic"],
    )
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Print what is wrong; 0 when nothing is, else 1."""
    from psycopref.runs.checks import check

    found = check(args.work)
    for problem in found.problems:
        print(problem)
    state = f"{len(found.problems)} problems" if found.problems else "all as written"
    print(f"{found.steps} steps, {found.calls} calls: {state}")
    return 1 if found.problems else 0
