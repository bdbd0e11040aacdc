"""matplotlib's SVG, made fit to stand within a page beside others.

A strict content security policy forbids inline styles, so they become classes of the page's one
stylesheet; the same declaration is one class in all figures. Colours become variables, which the
dark scheme sets anew; ids are made unique; the figure's own stylesheet, which would hold for the
whole page, is left out.
"""

import colorsys
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

HREF = "{http://www.w3.org/1999/xlink}href"
DROPPED = ("metadata", "style", "title", "desc")
# Attributes whose coordinates need no more than hundredths of a point.
COORDINATES = ("d", "x", "y", "points", "transform", "x1", "x2", "y1", "y2", "width", "height")
DECLARATIONS = re.compile(r"[\w\s:;#.,'\"()%+-]*")
FONT = re.compile(r"'DejaVu Sans'(?:,\s*(?:'[^']*'|[\w-]+))*")
COLOUR = re.compile(r"#([0-9a-fA-F]{6})\b")
# The lightness of the dark scheme's paper, and of its ink.
PAPER, INK = 0.105, 0.93


@dataclass
class Styles:
    """The classes and colours that the figures of a page use."""

    classes: dict[str, str] = field(default_factory=dict)
    colours: set[str] = field(default_factory=set)

    def name(self, declarations: str) -> str:
        """The class of some declarations; none for what cannot be one."""
        if not DECLARATIONS.fullmatch(declarations):
            return ""
        known = FONT.sub("var(--figure-font)", declarations.strip().rstrip(";"))
        self.colours |= {each.lower() for each in COLOUR.findall(known)}
        known = COLOUR.sub(lambda match: f"var(--c-{match[1].lower()})", known)
        return self.classes.setdefault(known, f"m{len(self.classes)}")

    def css(self) -> str:
        """The rules of the classes."""
        return "\n".join(f".{name}{{{rule}}}" for rule, name in self.classes.items())

    def light(self) -> str:
        """What the colours are on white paper."""
        return "".join(f"--c-{each}:#{each};" for each in sorted(self.colours))

    def dark(self) -> str:
        """What they are on dark paper."""
        return "".join(f"--c-{each}:{in_the_dark(each)};" for each in sorted(self.colours))


def in_the_dark(colour: str) -> str:
    """A colour for dark paper: greys change sides, what is too dark to be seen becomes lighter.

    >>> in_the_dark("ffffff"), in_the_dark("000000")
    ('#1b1b1b', '#ededed')
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    grey = INK - (INK - PAPER) * lightness
    lightness = grey if saturation < 0.1 else max(lightness, 0.62)
    found = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(255 * each):02x}" for each in found)


def inline(svg: str, key: str, label: str, styles: Styles) -> str:
    """An SVG file's content as an element of the page.

    Args:
        svg: as matplotlib writes it.
        key: what ids begin with, one for each figure.
        label: what the figure is, for those who cannot see it.
        styles: to which the figure's own are added.
    """
    root = ElementTree.fromstring(svg)
    _drop(root)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = dict(_attributes(element, key, styles))
        if element.tag not in ("text", "tspan"):
            element.text = None
        element.tail = None
    box = root.get("viewBox", "0 0 1 1")
    width = box.split()[2]
    root.attrib = {
        "class": f"mpl w{_wide(float(width))}",
        "viewBox": box,
        "role": "img",
        "aria-label": label,
    }
    return ElementTree.tostring(root, encoding="unicode")


def _wide(points: float) -> int:
    """A class of widths: below it, its text could not be read."""
    return min(4, int(points // 250))


def _drop(element: ElementTree.Element) -> None:
    for child in list(element):
        if child.tag.rpartition("}")[2] in DROPPED:
            element.remove(child)
        else:
            _drop(child)


def _attributes(element: ElementTree.Element, key: str, styles: Styles) -> "list[tuple[str, str]]":
    found = []
    for name, value in element.attrib.items():
        if name == "style":
            name, value = "class", styles.name(value)
        elif name == "id":
            value = f"{key}-{value}"
        elif name == HREF or name == "href":
            name, value = "href", f"#{key}-{value.removeprefix('#')}"
        elif value.startswith("url(#"):
            value = f"url(#{key}-{value.removeprefix('url(#')}"
        elif name in COORDINATES:
            value = re.sub(r"-?\d+\.\d{3,}", _rounded, value)
        if "}" not in name and value:
            found.append((name, value))
    return found


def _rounded(match: "re.Match[str]") -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
