"""The Markdown twin: everything the page says, nothing of it as markup."""

import re

from psycopref.report.markdown import escaped, twin


def test_headings_paragraphs_lists_and_code():
    page = (
        "<h1>A</h1><p>One <b>two</b>\n"
        " three.</p><ul><li>x</li><li>y</li></ul><details><summary>More</summary><pre>a  b\n#"
        " c</pre></details>"
    )
    assert (
        twin(page) == "# A\n\nOne two three.\n\n- x\n\n- y\n\n**More**\n\n````\na  b\n# c\n````\n"
    )


def test_what_is_for_browsers_alone_is_left_out():
    page = (
        '<head><title>t</title><style>p{}</style></head><a class="skip"'
        ' href="#m">Skip</a><nav><ul><li>x</li></ul></nav><p>kept</p><footer>f</footer>'
    )
    assert twin(page) == "kept\n"


def test_a_figure_is_its_title_and_description():
    svg = (
        '<figure><svg role="img"><title id="a">Topics</title><desc id="b">one 1, two'
        " 2</desc><text>drawn</text></svg>"
    )
    svg += "<figcaption>By topic.</figcaption></figure>"
    assert twin(svg) == "Figure: Topics\n\none 1, two 2\n\nBy topic.\n"


def test_tables_line_up_and_spans_leave_gaps():
    page = (
        "<table><caption>C</caption><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><th"
        ' rowspan="2">x</th><td>1 <span class="ci">0 to'
        ' 2</span></td></tr><tr><td>2</td></tr><tr><th colspan="2">y</th></tr></tbody></table>'
    )
    lines = twin(page).strip().split("\n")
    assert lines[0] == "**C**" and len({len(line) for line in lines[2:]}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [cells[0], *cells[2:]] == [
        ["a", "b"],
        ["x", "1 (0 to 2)"],
        ["", "2"],
        ["y", ""],
    ] and set("".join(cells[1])) == {"-"}


def test_a_table_without_a_head_gets_an_empty_one():
    assert (
        twin("<table><tbody><tr><th>a</th><td>1</td></tr></tbody></table>")
        .split("\n")[0]
        .replace(" ", "")
        == "|||"
    )


def test_clients_words_are_no_markup():
    said = "# no heading\n- no list\n1. no number\n*b* _i_ `c` [l](u) <script> a|b ~~s~~"
    assert not re.search(r"(?<!\\)[*_`\[\]<>|~]", escaped(said)) and not re.search(
        r"^(#|-|1\.)", escaped(said), re.MULTILINE
    )
    assert "<script>" not in twin("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>")


def test_lines_of_a_speech_stay_lines():
    assert twin("<div>first line\nsecond line</div>") == "first line\nsecond line\n"


def test_rules_addresses_and_entities_of_a_speech_are_no_markup():
    said = (
        "My heading\n---\nor\n ===\nsee https://a.example/b and www.a.example, write to"
        " me@a.example; &lt;b&gt; &amp;"
    )
    shown = escaped(said)
    assert (
        not re.search(r"^\s*[-=]", shown, re.MULTILINE)
        and "https:" not in shown
        and "www." not in shown
    )
    assert not re.search(r"(?<!\\)[&@]", shown) and re.sub(r"\\(.)", r"\1", shown) == said
