"""The page of one executed notebook: self-contained, and made to be read as an article."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from casestudy.commands.report.execution import NotebookError
from casestudy.commands.report.figures import prepare_figures, write_thumbnail
from casestudy.commands.report.formulas import draw_formulas
from casestudy.files.folders import project_root
from casestudy.files.writing import written_whole

_TEMPLATES = Path(__file__).parent / "templates"

# Of an output in several formats, the first of these is shown.
_SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/webp", "image/jpeg", "text/plain"]

# Notices of TensorFlow and LiteRT that no setting silences.
_CHATTER = re.compile(
    r"^I\d{4} .*\.cc:\d+\]|^E\d{4} .*cuda_\w+\.cc:\d+\]"
    r"|^WARNING: All log messages before absl::InitializeLog|^INFO: Created TensorFlow Lite"
)


@dataclass(frozen=True)
class Page:
    """What a notebook's page shows in addition to the notebook."""

    folder: Path = field(repr=False)  # of the run
    images: Path = field(repr=False)  # folder of the images that the notebook's prose names
    dataset: str  # empty where the notebook has none
    record: dict[str, object]  # that of the marker: title, date, seconds, ...
    previous: list[tuple[str, str]]  # stem and title of the page before, if there is one
    following: list[tuple[str, str]]  # stem and title of the page after, if there is one


def write_page(
    notebook: NotebookNode, page: Page, path: Path, failure: NotebookError | None = None
) -> list[str]:
    """Write the HTML page of an executed notebook, and its thumbnail if it has succeeded.

    A failure is shown as a banner and at the cell that failed. Returns the files written, by their
    paths in the run folder.
    """
    # A copy without this machine's folders in sources and outputs.
    text = without_paths(json.dumps(notebook, ensure_ascii=False), page.folder)
    notebook = nbformat.from_dict(json.loads(text))
    _drop_chatter(notebook)
    prepare_figures(notebook)
    written, thumbnail = [path.name], f"figures/{path.stem}.webp"
    if failure is None and write_thumbnail(notebook, page.folder / thumbnail):
        written.append(thumbnail)
    article = body(notebook, page.images, failure)
    write_html(
        path,
        "page.html.j2",
        body=article,
        contents=_contents(article),
        failure=failure and without_paths(str(failure), page.folder),
        dataset=without_paths(page.dataset, page.folder),
        record=page.record,
        previous=page.previous,
        following=page.following,
    )
    return written


def write_html(path: Path, template: str, **values: object) -> None:
    """Fill in one of the page templates, and write the result whole."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["in_words"] = in_words
    style = (_TEMPLATES / "style.css").read_text() + _highlighting()
    html = environment.get_template(template).render(style=style, **values)
    with written_whole(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def in_words(seconds: float) -> str:
    """Return a duration in words, such as "8.0 s" or "2 min 05 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def without_paths(text: str, folder: Path) -> str:
    """Return text in which this machine's folders, of the project and the run, are left out."""
    text = text.replace(str(folder), f"{folder.parent.name}/{folder.name}")
    return text.replace(f"{project_root()}{os.sep}", "")


def _drop_chatter(notebook: NotebookNode) -> None:
    """Remove notices of libraries, and what that leaves empty, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                lines = output.text.splitlines()
                output.text = "\n".join(x for x in lines if x and not _CHATTER.search(x))
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("text", "whole")]


def body(notebook: NotebookNode, images: Path, failure: NotebookError | None = None) -> str:
    """Return a notebook as HTML that needs nothing else; see `Page` and `write_page`."""
    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": _SHOWN}}),
        extra_template_basedirs=[str(_TEMPLATES)],
        template_name="cells",
        embed_images=True,
        anchor_link_text="#",
    )
    resources = {
        "metadata": {"path": str(images)},
        "failed_cell": failure.cell_id if failure else None,
    }
    html, _ = exporter.from_notebook_node(notebook, resources)
    return _standing_alone(html)


def _standing_alone(html: str) -> str:
    """Make a page independent of a network and of the notebooks folder.

    Whatever a browser would load from elsewhere is dropped. Links to notebooks become links to
    their pages, and links to other files of the project start in the run folder. Formulas are
    drawn.
    """
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.select("link, iframe, script[src], [src^='http'], [src^='//']"):
        element.decompose()
    for link in soup.select("a[href$='.ipynb']"):
        link["href"] = link["href"].removesuffix(".ipynb") + ".html"
    for link in soup.select("a[href^='../']"):
        link["href"] = f"../{link['href']}"  # reports/RUN is one folder deeper than notebooks
    draw_formulas(soup)
    _fold_set_up(soup)
    return str(soup)


def _fold_set_up(soup: BeautifulSoup) -> None:
    """Gather the code above the first heading, imports and parameters, in a box to unfold."""
    heading = soup.find("h2")
    above = heading.find_all_previous("section", class_="code")[::-1] if heading else []
    if not above or any("failed" in cell["class"] for cell in above):
        return
    box, summary = soup.new_tag("details"), soup.new_tag("summary")
    box["class"], summary.string = "set-up", "Set-up: imports and parameters"
    box.append(summary)
    above[-1].insert_before(box)
    for cell in above:
        for part in cell.select(":scope > :is(.label, .highlight)"):
            box.append(part.extract())


def _contents(article: str) -> list[tuple[str, str]]:
    """Return the anchor and the text of each heading below the title."""
    headings = BeautifulSoup(article, "html.parser").select("h2[id]")
    return [(heading["id"], heading.get_text().removesuffix("#")) for heading in headings]


def _highlighting() -> str:
    """Return the colours of code, for light and for dark."""
    light = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"\n{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
