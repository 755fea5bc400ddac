"""A run and the documentation as a folder of pages, for any server of static files."""

import posixpath
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from bs4 import BeautifulSoup

from casestudy import CaseStudyError
from casestudy.commands.report.pages import body, write_html
from casestudy.files.writing import written_whole

_MARKER = ".casestudy-site"  # a folder without it is not replaced
_RENAMED = {"README.md": "index.html"}


def write_site(run: Path, docs: Path, target: Path) -> Path:
    """Write the pages of a run, and those of the documentation, which the index then lists.

    Links between them are kept; those to other files of the project, which no server has, become
    plain text.

    Parameters
    ----------
    run : Path
        The folder of a report.
    docs : Path
        Markdown files, each with a heading.
    target : Path
        A new folder, or one that this function made before, which is replaced.

    Returns
    -------
    Path
        The site's first page.

    Raises
    ------
    CaseStudyError
        If the run has no report, or `target` is there and this function did not make it.
    """
    index = run / "index.html"
    if not index.is_file():
        raise CaseStudyError(f"{run} holds no report. Make one with casestudy report.")
    if target.exists() and not (target / _MARKER).is_file():
        raise CaseStudyError(
            f"{target} is there already, and this command did not make it. Name another folder."
        )
    pages = [page for page in sorted(run.glob("*.html")) if not page.stem.endswith(".failed")]
    documents = {file: f"{file.stem}.html" for file in sorted(docs.glob("*.md"))}
    names = {page.name for page in pages} | set(documents.values())
    with written_whole(target) as site:
        site.mkdir()
        (site / _MARKER).touch()
        titles = {name: _write_document(file, site / name) for file, name in documents.items()}
        for page in pages:
            shutil.copy(page, site)
        for page in site.glob("*.html"):
            soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
            if page.name == index.name:
                soup.find("main").append(_list_of(titles))
            _keep_within(soup, names)
            page.write_text(str(soup), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)  # the site of before
    return target / index.name


def _write_document(file: Path, path: Path) -> str:
    """Write the page of a Markdown file, and return its title, the first heading."""
    text = file.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    cell = nbformat.v4.new_markdown_cell(text)
    content = body(nbformat.v4.new_notebook(cells=[cell]), file.parent)
    write_html(path, "document.html.j2", title=title, body=content, dataset="")
    return title


def _list_of(titles: dict[str, str]) -> BeautifulSoup:
    items = "".join(f'<li><a href="{name}">{title}</a></li>' for name, title in titles.items())
    heading = '<h2 id="documentation">Documentation</h2>'
    return BeautifulSoup(f"{heading}<ul>{items}</ul>", "html.parser")


def _keep_within(soup: BeautifulSoup, names: set[str]) -> None:
    """Let links to pages of the site lead there, and drop those to other files."""
    for link in soup.select("a[href]"):
        address = urlsplit(link["href"])
        if address.scheme or not address.path:
            continue
        name = posixpath.basename(address.path)
        name = _RENAMED.get(name, name.removesuffix(".md") + ".html" * name.endswith(".md"))
        if name in names:
            link["href"] = name + f"#{address.fragment}" * bool(address.fragment)
        else:
            link.unwrap()
