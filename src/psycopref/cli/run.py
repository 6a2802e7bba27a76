"""`psycopref run`: a recipe done or rehearsed, and what came of it in a few lines."""

import argparse
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopref.cli.words import COLUMNS, command

if TYPE_CHECKING:
    from psycopref.runs.summary import Summary

LINES = 25  # what a run says at its end fits on a screen


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "run",
        "run a recipe; what was done before is found, not done again",
        [
            "psycopref run quickstart",
            "psycopref run mine.toml --work clinic --dry-run",
        ],
    )
    made.add_argument("recipe", help="a .toml file, or the name of a shipped recipe")
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="say what will be asked, what it costs and what training takes; ask and train nothing",
    )
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Run or rehearse a recipe."""
    from psycopref.processes import rank
    from psycopref.progress import Progress
    from psycopref.runs import run
    from psycopref.runs.summary import summary

    if args.dry_run:
        from psycopref.cli import rehearsal
        from psycopref.runs.rehearsal import rehearse

        rehearsal.show(rehearse(args.recipe, args.work, Progress()))
        return 0
    follows = rank() > 0  # one of several processes of `accelerate launch`, and not the first
    place = run.run(args.recipe, args.work, Progress(quiet=follows))
    if not follows:
        print("\n".join(lines(summary(place))))
    return 0


def lines(made: "Summary", most: int = LINES) -> list[str]:
    """A run in at most so many lines of 80 columns: what was made, the figures that say most, what
    needs attention, where the report is.
    """
    head = [_steps(made), *textwrap.wrap(_counts(made), COLUMNS), ""]
    figures = list(_figures(made))
    work = made.report.parent.parent.parent
    foot = ["", f"report  {made.report}", f"more    psycopref show {made.run} --work {work}"]
    room = most - len(head) - len(figures) - len(foot)
    return [*head, *figures, *_attention(made.attention, room), *foot]


def _steps(made: "Summary") -> str:
    from psycopref.cli.view import duration

    return (
        f"{made.run}: {made.steps} steps ({made.new} made, {made.steps - made.new} found),"
        f" {made.calls:,} calls, {duration(made.seconds)}"
    )


def _counts(made: "Summary") -> str:
    return ", ".join(f"{count:,} {name}" for name, count in made.made.items())


def _figures(made: "Summary") -> Iterator[str]:
    from psycopref.cli.view import interval

    if made.figures:
        yield f"{'figure':<40}{'value':>8}  {'95 % interval':<18}{'n':>6}"
    for says, one in made.figures:
        yield f"{says:<40}{one.value:>8.3f}  {interval(one):<18}{one.count:>6,}"


def _attention(sentences: list[str], room: int) -> list[str]:
    """What needs attention in so many lines; what has no room is counted, never left out."""
    if not sentences:
        return ["", "nothing needs attention"][:room]
    made = ["", "needs attention:"]
    for at, sentence in enumerate(sentences):
        wrapped = textwrap.wrap(
            sentence, COLUMNS, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
        )
        last = at + 1 == len(sentences)
        if len(made) + len(wrapped) + (not last) > room:
            return [*made, f"- and {len(sentences) - at} more, in `psycopref show`"]
        made += wrapped
    return made
