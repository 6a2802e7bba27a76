"""A text file ends with exactly one newline, and is mended where it does not:
`python scripts/end_of_file.py FILE ...`; the exit status says whether one was mended.
"""

import sys
from pathlib import Path


def mended(content: bytes) -> bytes:
    """The content with one newline at its end; nothing stays nothing."""
    text = content.rstrip(b"\r\n")
    return text + b"\n" if text else b""


def main(paths: list[Path]) -> int:
    """Mend the files and name those that needed it."""
    wrong = [path for path in paths if mended(path.read_bytes()) != path.read_bytes()]
    for path in wrong:
        path.write_bytes(mended(path.read_bytes()))
        print(f"{path}: mended the end of the file")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main([Path(word) for word in sys.argv[1:]]))
