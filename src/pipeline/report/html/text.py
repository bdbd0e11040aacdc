"""The little Markdown that reports are written in, as HTML in which names stay inert."""

import re

from markupsafe import Markup, escape

INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])"), r"<em>\1</em>"),
)


def inline(text: str) -> Markup:
    """Text with `code`, *emphasis* and **strong** words."""
    found = str(escape(" ".join(text.split())))
    for pattern, tags in INLINE:
        found = pattern.sub(tags, found)
    return Markup(found)


def blocks(text: str) -> Markup:
    """Paragraphs, headings and lists; a line that is indented goes on with the one before."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith("- "):
            items = re.split(r"\n- ", block.removeprefix("- "))
            listed = "".join(f"<li>{inline(item)}</li>" for item in items)
            found.append(f"<ul>{listed}</ul>")
        elif heading := re.match(r"(#+) (.*)", block):
            level = min(6, len(heading[1]) + 1)
            found.append(f"<h{level}>{inline(heading[2])}</h{level}>")
        else:
            found.append(f"<p>{inline(block)}</p>")
    return Markup("\n".join(found))
