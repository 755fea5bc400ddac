"""LaTeX formulas as drawings: a page that loads nothing has no MathJax."""

import re

from bs4 import BeautifulSoup, Tag
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

_FORMULA = re.compile(r"(\$\$.+?\$\$|\$[^\s$](?:[^$]*[^\s$])?\$)", re.DOTALL)
_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
_CLOSING = (".", ",", ":", ";", ")")
_JOINER = "\u2060"  # no line break here
_EM = 10  # units of a drawing in the height of a line of text


def draw_formulas(soup: BeautifulSoup) -> None:
    """Replace formulas of prose, $inline$ or $$displayed$$, by drawings in place.

    They take the colour of the text around them, and their LaTeX is their description. They may
    use what matplotlib's mathtext knows of LaTeX.
    """
    for text in soup.find_all(string=_FORMULA):
        if text.find_parent(class_="prose") and not text.find_parent(["code", "pre"]):
            pieces = _FORMULA.split(text)
            pieces[1::2] = [_drawn(latex) for latex in pieces[1::2]]
            # A line could otherwise begin with the comma after a drawing.
            pieces[2::2] = [_JOINER + x if x.startswith(_CLOSING) else x for x in pieces[2::2]]
            text.replace_with(*pieces)


def _drawn(formula: str) -> Tag:
    displayed = formula.startswith("$$")
    latex = " ".join(formula.strip("$").split())
    # Mathtext draws fractions small even where LaTeX would not.
    text = latex.replace(r"\frac", r"\dfrac") if displayed else latex
    drawing = TextPath((0, 0), f"${text}$", _EM, FontProperties(math_fontfamily="stix"))
    box = drawing.get_extents()
    steps = [
        _COMMANDS[code] + " ".join(f"{value:.2f}" for value in points)
        if code in _COMMANDS
        else "Z"
        for points, code in drawing.iter_segments(curves=True, simplify=False)
    ]
    soup = BeautifulSoup("", "html.parser")
    svg = soup.new_tag(
        "svg",
        attrs={
            "class": "formula displayed" if displayed else "formula",
            "role": "img",
            "aria-label": latex,
            "viewBox": f"{box.x0:.2f} {-box.y1:.2f} {box.width:.2f} {box.height:.2f}",
            "style": f"width: {box.width / _EM:.3f}em; height: {box.height / _EM:.3f}em; "
            f"vertical-align: {box.y0 / _EM:.3f}em",
        },
    )
    svg.append(soup.new_tag("path", d="".join(steps), transform="scale(1 -1)"))
    if not displayed:
        return svg
    frame = soup.new_tag("span", attrs={"class": "equation"})
    frame.append(svg)
    return frame
