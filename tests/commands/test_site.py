"""The site: the pages of a run and the documentation, as a web server would serve them."""

from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from casestudy import CaseStudyError
from casestudy.commands.report.site import write_site
from casestudy.files.folders import project_root

REFERENCE, DOCS = project_root() / "reports" / "reference", project_root() / "docs"


def links(page):
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    ids = {element["id"] for element in soup.select("[id]")}
    return ids, [urlsplit(link["href"]) for link in soup.select("a[href]")]


def test_all_links_lead_to_what_the_site_holds(tmp_path):
    index = write_site(REFERENCE, DOCS, tmp_path / "site")
    pages = {page.name: links(page) for page in index.parent.glob("*.html")}
    assert pages.keys() > {page.name for page in REFERENCE.glob("*.html")}
    within = [(name, link) for name in pages for link in pages[name][1] if not link.scheme]
    assert all(not link.path or link.path in pages for _, link in within)
    for name, link in within:
        assert not link.fragment or link.fragment in pages[link.path or name][0], link
    listed = {link.path for link in pages["index.html"][1]}
    assert listed >= {f"{file.stem}.html" for file in DOCS.glob("*.md")}
    assert "07_comparison.html" in {link.path for link in pages["results.html"][1]}


def test_a_site_is_replaced_and_other_folders_are_not(tmp_path):
    run, docs, target = (tmp_path / name for name in ("run", "docs", "site"))
    run.mkdir(), docs.mkdir()
    with pytest.raises(CaseStudyError, match="holds no report"):
        write_site(run, docs, target)
    (run / "index.html").write_text("<main></main>")
    (docs / "old.md").write_text("# Old\n")
    write_site(run, docs, target)
    (docs / "old.md").rename(docs / "new.md")
    write_site(run, docs, target)
    assert {page.name for page in target.glob("*.html")} == {"index.html", "new.html"}
    for other, file in ((docs, "new.md"), (run, "index.html")):
        with pytest.raises(CaseStudyError, match="did not make it"):
            write_site(run, docs, other)
        assert (other / file).is_file()
