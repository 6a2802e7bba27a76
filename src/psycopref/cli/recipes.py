"""The shipped recipes and launch files: listed, and copied to be edited."""

import argparse
from pathlib import Path
from typing import NamedTuple

from psycopref.cli.words import command
from psycopref.errors import RecipeError

# Each kind of file by the folder of data/ it ships in.
FOLDERS = {"recipes": ".toml", "launch": ".yaml"}


class Shipped(NamedTuple):
    """A file that comes with the package, and what its first comment line says it is for."""

    folder: str
    name: str
    says: str
    path: Path


def shipped() -> list[Shipped]:
    """Every recipe, then every launch file, each kind by name."""
    from psycopref.config.toml_files import DATA  # pydantic: not before the command is called

    return [
        Shipped(folder, path.stem, _first_comment(path), path)
        for folder, suffix in FOLDERS.items()
        for path in sorted((DATA / folder).glob(f"*{suffix}"))
    ]


def _first_comment(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()


def listed() -> str:
    """The shipped files as lines for a terminal."""
    files = shipped()
    width = max(len(file.name) for file in files)
    lines: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
    for file in files:
        lines[file.folder].append(f"  {file.name:<{width}}  {file.says}")
    return "\n".join(
        [
            "recipes, for `psycopref run NAME`:",
            *lines["recipes"],
            "",
            "several GPUs: `accelerate launch --config_file NAME.yaml -m psycopref run RECIPE`:",
            *lines["launch"],
            "",
            "`psycopref recipes copy NAME` writes one of them to edit",
        ]
    )


def copy(name: str, to: Path | None = None) -> Path:
    """Write a shipped file to `to` (NAME.toml or NAME.yaml here) and give its path.

    `name` is taken with or without its suffix and folder. RecipeError where nothing has that name,
    where `to` exists (a copy never overwrites), or cannot be written.
    """
    from psycopref.config.toml_files import did_you_mean

    files = {file.name: file for file in shipped()}
    file = files.get(Path(name).stem)
    if file is None:
        raise RecipeError(
            f"no shipped recipe or launch file is named {name!r}{did_you_mean(name, list(files))};"
            f" there are {list(files)}"
        )
    target = to or Path(file.path.name)
    if target.is_dir():
        target = target / file.path.name
    try:
        with target.open("xb") as out:
            out.write(file.path.read_bytes())
    except FileExistsError:
        raise RecipeError(
            f"{target} exists and is left as it is; give another name, as in"
            f" `psycopref recipes copy {file.name} my-{file.path.name}`"
        ) from None
    except OSError as error:
        raise RecipeError(f"{target}: cannot be written ({error.strerror})") from error
    return target


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "recipes",
        "list the shipped recipes and launch files, or copy one to edit it",
        ["psycopref recipes", "psycopref recipes copy open mine.toml"],
    )
    made.add_argument("action", nargs="?", choices=["copy"], help="nothing: list them")
    made.add_argument("name", nargs="?", help="copy: a recipe or launch file, as listed")
    made.add_argument("file", nargs="?", type=Path, help="copy: where to (else its own name, here)")
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """List what ships, or copy one of it."""
    if args.action is None:
        print(listed())
        return 0
    if args.name is None:
        raise RecipeError(
            "recipes copy: which one? `psycopref recipes` lists them, then"
            " `psycopref recipes copy NAME [FILE]`"
        )
    print(copy(args.name, args.file))
    return 0
