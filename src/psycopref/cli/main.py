"""The command line: words to function calls, nothing more."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from psycopref import __version__
from psycopref.errors import PsycoprefError
from psycopref.processes import rank, share_the_machine
from psycopref.progress import Progress


def parser() -> argparse.ArgumentParser:
    """The commands."""
    top = argparse.ArgumentParser(
        prog="psycopref",
        description=(
            "Counseling principles into preference data, reward models, aligned models and figures"
            " that hold."
        ),
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="run a recipe; what was done before is found, not done again"
    )
    run.add_argument("recipe", help="a .toml file, or the name of one in recipes/")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="say what will be asked, what it costs and what training takes; ask and train nothing",
    )
    recipes = commands.add_parser(
        "recipes", help="list the shipped recipes and launch files, or copy one to edit it"
    )
    recipes.add_argument("action", nargs="?", choices=["copy"], help="nothing: list them")
    recipes.add_argument("name", nargs="?", help="copy: a recipe or launch file, as listed")
    recipes.add_argument(
        "file", nargs="?", type=Path, help="copy: where to (default: its own name, in this folder)"
    )
    shown = commands.add_parser("show", help="show the runs, one run, one step or one table")
    shown.add_argument(
        "what",
        nargs="?",
        default="",
        help="a run's or step's name, or STEP/TABLE; nothing lists the runs",
    )
    shown.add_argument("--rows", type=int, default=10, help="how many rows of a table (default 10)")
    calls = commands.add_parser(
        "calls",
        help="the model calls made here: a summary, those still missing, or add a file of replies",
    )
    calls.add_argument("action", nargs="?", choices=["missing", "add"], help="nothing: a summary")
    calls.add_argument(
        "file", nargs="?", help="missing: the recipe; add: a .jsonl or ledger file with replies"
    )
    report = commands.add_parser(
        "report", help="print the report of a finished run as Markdown, or write it anew to a file"
    )
    report.add_argument(
        "name", nargs="?", default="", metavar="RUN", help="the name of a run (default: the newest)"
    )
    report.add_argument(
        "--out", type=Path, metavar="FILE", help="a .html or .md file instead of the terminal"
    )
    report.add_argument(
        "--texts",
        action="store_true",
        help="show clients' words in case studies even where their source has no known licence",
    )
    compare = commands.add_parser(
        "compare", help="two finished runs side by side: settings, figures, paired differences"
    )
    compare.add_argument(
        "first",
        metavar="RUN",
        help="a run's name, or the path of a run's folder in another workspace",
    )
    compare.add_argument("second", metavar="RUN")
    compare.add_argument(
        "--out", type=Path, metavar="FILE", help="a .html or .md file instead of the terminal"
    )
    commands.add_parser("verify", help="check every step, weight and call against what was written")
    export = commands.add_parser(
        "export", help="write preferences, the reward model or the policy of a run to a folder"
    )
    export.add_argument("what", choices=["preferences", "reward", "policy"])
    export.add_argument("folder", type=Path)
    export.add_argument(
        "--format",
        default="hf",
        choices=["hf"],
        help="hf: a folder that datasets.load_dataset reads",
    )
    export.add_argument(
        "--licence",
        default="",
        help=(
            "what the card says; refused where it allows more than a source does (default: the"
            " sources' own)"
        ),
    )
    export.add_argument("--run", default="", help="the name of a run (default: the newest)")
    _plan_words(
        commands.add_parser(
            "plan", help="how many prompts or pairs a claim needs, before money is spent"
        )
    )
    for command in commands.choices.values():
        command.add_argument(
            "--work",
            type=Path,
            default=Path("work"),
            metavar="DIR",
            help="the workspace (default work/)",
        )
    return top


def _plan_words(command: argparse.ArgumentParser) -> None:
    """The numbers of a plan, each with its default."""
    command.add_argument("--recipe", default="", help="a recipe: say what its test split can show")
    for name, text in {
        "rate": "the win rate one hopes to show",
        "ties": "share of prompts that tie or flip with the order",
        "sd": "standard deviation of prompt scores (default: from rate and ties)",
        "difference": "of two systems' win rates on the same prompts",
        "correlation": "of the two systems' prompt scores",
        "agreement": "expected share of pairs on which experts agree with the label",
        "within": "half-width of its interval",
        "kappa": "expected kappa of two experts",
        "kappa-within": "half-width of its interval",
        "prevalence": "of the experts' more common answer",
        "clustering": "design effect of pairs that share a speech (1: one pair a speech)",
        "seconds": "that one pair takes an expert",
    }.items():
        command.add_argument(f"--{name}", type=float, default=None, metavar="X", help=text)
    command.add_argument(
        "--topics",
        type=int,
        default=None,
        metavar="N",
        help="topics with a claim of their own (default 8)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it went well, 1 with a message on standard error, 130 when
    interrupted.
    """
    args = parser().parse_args(argv)
    share_the_machine()
    try:
        return _do(args)
    except PsycoprefError as error:
        print(f"psycopref: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "psycopref: interrupted; what was finished is kept, run again to go on", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        return 0


def _do(args: argparse.Namespace) -> int:
    from psycopref.cli import show

    match args.command:
        case "run":
            return _run(args)
        case "recipes":
            from psycopref.cli.recipes import recipes

            return recipes(args.action, args.name, args.file)
        case "show":
            show.show(args.work, args.what, args.rows)
            return 0
        case "calls":
            return show.calls(args.work, args.action, args.file)
        case "report":
            from psycopref.report import again

            again.write(again.reported(args.work, args.name, args.texts), args.out)
            return 0
        case "compare":
            from psycopref.report import again

            again.write(again.compared(args.work, args.first, args.second), args.out)
            return 0
        case "verify":
            return show.verify(args.work)
        case "plan":
            from psycopref.cli.plan import Claim, plan

            given = {
                name: getattr(args, name)
                for name in Claim._fields
                if getattr(args, name) is not None
            }
            plan(Claim(**given), args.recipe, args.work)
            return 0
        case _:
            from psycopref.runs.export import export

            export(args.what, args.folder, args.work, args.run, args.licence)
            print(f"{args.what} written to {args.folder}")
            return 0


def _run(args: argparse.Namespace) -> int:
    from psycopref.runs import run

    if args.dry_run:
        from psycopref.runs.rehearsal import dry_run

        dry_run(args.recipe, args.work, Progress())
        return 0
    follows = rank() > 0  # one of several processes of `accelerate launch`, and not the first
    place = run.run(args.recipe, args.work, Progress(quiet=follows))
    if follows:
        return 0
    from psycopref.cli.show import headline

    print(headline(place))
    print(f"report: {place / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
