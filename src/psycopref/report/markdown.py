"""The page's Markdown twin, made from the page itself: so the two say the same."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr"}
SKIPPED = {"head", "style", "nav", "footer"}
UNSAID = {"skip", "fold-name"}  # classes of what only a screen needs
_AFTER = {"name": ":", "value": ";", "item": ":", "pips": ";"}  # what follows a span of that class
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&@])")
_RULED = re.compile(
    r"^(\s*)([-=])(?=[-=\s]*$)", re.MULTILINE
)  # a line of these under text would make it a heading
_LINKED = re.compile(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])")  # a bare address would be a link
_LEADING = re.compile(r"^(\s*)([#+-]|\d+[.)])(?=\s)", re.MULTILINE)


def twin(page: str) -> str:
    """A page of this package as Markdown: headings, paragraphs, lists, tables; of a figure its
    title and its description.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = "\n\n".join(block for block in reader.blocks if block.strip())
    return text + "\n"


def escaped(text: str) -> str:
    """Text in which nothing is markup."""
    plain = _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))
    return _LINKED.sub(r"\1\\", _RULED.sub(r"\1\\\2", plain))


class _Reader(HTMLParser):
    """Reads the page element by element; what is inline gathers in `_text` until its block ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self._text: list[str] = []
        self._skip = 0
        self._drawing = False
        self._in_title = False
        self._pre = False
        self._rows: list[list[str]] = []
        self._heads = 0
        self._spans: dict[int, tuple[int, str]] = {}
        self._table = False
        self._caption = ""
        self._ends: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        beside = UNSAID & set((given.get("class") or "").split())
        if tag in SKIPPED or self._skip or beside:
            self._skip += tag not in VOID
            return
        if tag == "svg":
            self._end("")
            self._drawing = True
        elif self._drawing:
            self._in_title = tag in ("title", "desc")
        elif tag == "table":
            self._end("")
            self._table, self._rows, self._heads, self._spans, self._caption = True, [], 0, {}, ""
        elif tag == "tr":
            self._rows.append([])
            self._carry()
        elif tag in ("td", "th"):
            self._text = []
            self._cell = int(given.get("rowspan") or 1), int(given.get("colspan") or 1)
        elif tag == "pre":
            self._end("")
            self._pre = True
        elif tag in (
            "p",
            "h1",
            "h2",
            "h3",
            "li",
            "summary",
            "div",
            "section",
            "figcaption",
            "caption",
            "header",
            "article",
        ):
            self._end("")
        elif tag == "span":
            self._span((given.get("class") or "").split())
        if given.get("role") == "img" and given.get("aria-label") and tag != "svg":
            self._text.append(str(given["aria-label"]))

    def _span(self, classes: list[str]) -> None:
        """An interval, and what a caption adds, goes into brackets; a tile's name gets a colon, its
        figure a semicolon; other spans a space.
        """
        if self._text and not self._text[-1].endswith((" ", "(")):
            self._text.append(" ")
        beside = "ci" in classes or ("small" in classes and self._table)
        self._text.append("(" if beside else "")
        self._ends.append(
            ")" if beside else next((sign for name, sign in _AFTER.items() if name in classes), "")
        )

    def handle_data(self, data: str) -> None:
        if self._skip or (self._drawing and not self._in_title):
            return
        if self._in_title:
            # The title first, then the description of the same drawing.
            described = bool(self.blocks) and self.blocks[-1].startswith("Figure: ")
            start = "" if described else "Figure: "
            self.blocks.append(start + escaped(data.strip()))
        elif self._pre or self._verse(data):
            self._text.append(data)
        else:
            self._text.append(re.sub(r"\s+", " ", data))

    def _verse(self, data: str) -> bool:
        return not self._table and data.strip() != "" and "\n" in data.strip()

    def handle_endtag(self, tag: str) -> None:
        if self._skip:
            self._skip -= tag not in VOID
            return
        if self._drawing:
            self._in_title = False
            self._drawing = tag != "svg"
            return
        match tag:
            case "span":
                self._text.append(self._ends.pop())
            case "h1" | "h2" | "h3":
                self._end("#" * int(tag[1]) + " ")
            case "li":
                self._end("- ")
            case "summary":
                self._end("**", "**")
            case "caption":
                self._caption = self._taken()
            case "td" | "th":
                self._put(self._taken())
            case "thead":
                self._heads = len(self._rows)
            case "table":
                self._close_table()
            case "pre":
                self._pre = False
                fence = "`" * 4
                self.blocks.append(f"{fence}\n{''.join(self._text).strip()}\n{fence}")
                self._text = []
            case "p" | "div" | "section" | "figcaption" | "header" | "article":
                self._end("")
            case _:
                pass

    def _taken(self) -> str:
        text = re.sub(r"[ \t]+", " ", "".join(self._text)).strip()
        self._text = []
        return escaped(text)

    def _end(self, before: str, after: str = "") -> None:
        if self._table:
            return
        text = self._taken()
        if text:
            self.blocks.append(before + text + after)

    def _carry(self) -> None:
        """Cells that reach down from rows above."""
        row = self._rows[-1]
        while len(row) in self._spans:
            left, _text = self._spans.pop(len(row))
            if left > 1:
                self._spans[len(row)] = left - 1, ""
            row.append("")

    def _put(self, text: str) -> None:
        row = self._rows[-1]
        down, across = self._cell
        if down > 1:
            self._spans[len(row)] = down - 1, text
        row.append(text.replace("\n", " "))
        row += [""] * (across - 1)
        self._carry()

    def _close_table(self) -> None:
        self._table = False
        rows = [row for row in self._rows if row]
        if self._caption:
            self.blocks.append(f"**{self._caption}**")
        if not rows:
            return
        wide = max(map(len, rows))
        full = [row + [""] * (wide - len(row)) for row in rows]
        if not self._heads:
            full.insert(0, [""] * wide)
        sizes = [max(3, *(len(row[at]) for row in full)) for at in range(wide)]
        lines = [
            "| "
            + " | ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True))
            + " |"
            for row in full
        ]
        rule = "| " + " | ".join("-" * size for size in sizes) + " |"
        self.blocks.append("\n".join([lines[0], rule, *lines[1:]]))
