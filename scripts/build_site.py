"""Build the documentation as a site: `python scripts/build_site.py`, or `make docs`.

The pages are gathered in build/docs: those of docs/, README, CONTRIBUTING and CHANGELOG, and the
reference (scripts/reference.py). Zensical makes site/ of them and stops at a link or an anchor that
leads nowhere. Then every page is looked through for what a reader's browser would fetch from
elsewhere: nothing may be.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import reference

ROOT = Path(__file__).parents[1]
PAGES, SITE = ROOT / "build" / "docs", ROOT / "site"
# Pages of the root, and what each is called in the site.
FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
# What a browser loads by itself; a link that a reader may follow is none.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon|modulepreload))[^>]*?"""
    r"""\bhref=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:@import\s+|url\()["']?((?:https?:)?//[^"')\s]+)"""
)


def moved(text: str) -> str:
    """A page of the root with its links as they are in the site."""
    text = text.replace("](docs/", "](")
    for old, new in FROM_ROOT.items():
        text = text.replace(f"]({old}", f"]({new}")
    return text


def gather() -> None:
    """All pages in one folder, made anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES)
    for old, new in FROM_ROOT.items():
        (PAGES / new).write_text(moved((ROOT / old).read_text(encoding="utf-8")), encoding="utf-8")
    for page in PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for old, new in FROM_ROOT.items():
            text = text.replace(f"](../{old}", f"]({new}")
        page.write_text(text, encoding="utf-8")
    reference.write(PAGES / "reference")


def missing() -> list[str]:
    """Pages that the navigation names and that are not there, and the other way round."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r":\s+(\S+\.md)$", navigation, re.MULTILINE))
    there = {str(page.relative_to(PAGES)) for page in PAGES.rglob("*.md")}
    return sorted(named ^ there)


def images() -> list[str]:
    """Images that a page shows and that are not there."""
    return [
        f"{page.relative_to(SITE)}: {target}"
        for page in sorted(SITE.rglob("*.html"))
        for target in re.findall(r'<img[^>]*\bsrc="([^":]+)"', page.read_text(encoding="utf-8"))
        if page.name != "404.html" and not (page.parent / target).exists()
    ]


def fetched() -> list[str]:
    """What pages and style sheets would load from elsewhere."""
    return sorted(
        {
            f"{file.relative_to(SITE)}: {next(filter(None, found.groups()))}"
            for kind in ("*.html", "*.css")
            for file in SITE.rglob(kind)
            for found in FETCHED.finditer(file.read_text(encoding="utf-8"))
        }
    )


def main() -> int:
    """Build; the exit status says whether the site is whole."""
    gather()
    if wrong := missing():
        print(f"in only one of docs/ and the navigation of mkdocs.yml: {', '.join(wrong)}")
        return 1
    shutil.rmtree(SITE, ignore_errors=True)
    built = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict", "--clean"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if built.returncode:
        print(built.stdout, built.stderr.partition("Traceback")[0])
        return built.returncode
    for wrong, what in (
        (images(), "images that are not there"),
        (fetched(), "loaded from outside"),
    ):
        if wrong:
            print(f"{what}:", *wrong, sep="\n  ")
            return 1
    pages = sum(1 for _ in SITE.rglob("*.html"))
    print(f"{pages} pages in {SITE.relative_to(ROOT)}/; open {SITE.relative_to(ROOT)}/index.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
