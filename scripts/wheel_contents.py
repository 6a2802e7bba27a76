"""Whether a wheel holds every file of the package and nothing else.

python scripts/wheel_contents.py dist/psycopref-*.whl
"""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked() -> set[str]:
    """The files of src/psycopref that git knows, as they stand in a wheel."""
    done = subprocess.run(
        ["git", "ls-files", "src/psycopref"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.removeprefix("src/") for line in done.stdout.splitlines()}


def main() -> int:
    """1 where files are lacking or too many, which are named."""
    held = {
        name
        for name in zipfile.ZipFile(sys.argv[1]).namelist()
        if not name.partition("/")[0].endswith(".dist-info")
    }
    lacking, more = sorted(tracked() - held), sorted(held - tracked())
    for what, names in (("lacks", lacking), ("should not hold", more)):
        for name in names:
            print(f"{sys.argv[1]} {what} {name}")
    print(f"{len(held)} files in the wheel, {len(lacking)} lacking, {len(more)} too many")
    return 1 if lacking or more else 0


if __name__ == "__main__":
    sys.exit(main())
