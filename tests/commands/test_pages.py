"""What pages make of formulas, of source code and of a notebook's answer."""

import base64
import io

from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from casestudy.commands.report.execution import NotebookError
from casestudy.commands.report.figures import prepare_figures
from casestudy.commands.report.formulas import draw_formulas
from casestudy.commands.report.pages import Page, write_page
from casestudy.models.autoencoder import build_autoencoder
from casestudy.results.source import shortened_source, show_source


def drawn(html):
    soup = BeautifulSoup(html, "html.parser")
    draw_formulas(soup)
    return soup


def test_a_formula_becomes_a_drawing_that_says_what_it_is():
    soup = drawn(r'<div class="prose"><p>$$\frac{1}{N} \sum_i [a_i &lt; b_i]$$</p></div>')
    svg = soup.select_one(".equation > svg")
    assert svg["aria-label"] == r"\frac{1}{N} \sum_i [a_i < b_i]" and svg["role"] == "img"
    assert soup.select_one("path")["d"].startswith("M")
    assert "$" not in soup.text


def test_text_around_a_formula_stays():
    soup = drawn(
        '<section class="prose"><p>Where $x$ is <b>clean</b> and $y$, 3 &lt; 4.</p></section>'
    )
    assert soup.text == "Where  is clean and \u2060, 3 < 4."
    assert len(soup.select("p > svg.formula")) == 2 and not soup.select(".equation")


def test_code_and_prices_are_no_formulas():
    html = '<p>$x$</p><div class="prose"><code>$a$ $b$</code><p>5 $ and 6 $ more</p></div>'
    assert not drawn(html).select("svg")


def test_a_page_shows_the_answer_without_its_code_then_formulas_and_source(tmp_path):
    answer = new_output("display_data", {"text/markdown": "It gains **2 dB**."})
    source = new_output("execute_result", {"text/html": show_source(build_autoencoder).data})
    notebook = new_notebook(
        cells=[
            new_code_cell("display(text)", outputs=[answer], metadata={"tags": ["answer"]}),
            new_markdown_cell(r"The loss $a_1$ and $b_1$: $$\frac{a_1}{b_1} < 2$$"),
            new_code_cell("show_source(build_autoencoder)", outputs=[source]),
        ]
    )
    page = Page(tmp_path, tmp_path, "polyu", {"title": "T", "date": "today"}, [], [])
    write_page(notebook, page, tmp_path / "page.html")
    shown = BeautifulSoup((tmp_path / "page.html").read_text(), "html.parser").select_one("main")
    assert shown.select_one(".answer").text.strip() == "It gains 2 dB."
    assert "display(text)" not in shown.text
    labels = [svg["aria-label"] for svg in shown.select("svg")]
    assert labels == ["a_1", "b_1", r"\frac{a_1}{b_1} < 2"]
    code = shown.select_one(".source .highlight").text
    assert code.strip() == shortened_source(build_autoencoder).strip()


def test_a_figure_is_described_by_what_draws_it():
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    png = {"image/png": base64.b64encode(content.getvalue()).decode()}
    figures = [new_output("display_data", png) for _ in range(3)]
    cells = [
        new_markdown_cell("## How strong is it?"),
        new_code_cell("plots.plot_quality(q)\nimages.show_images(r);", outputs=figures[:2]),
        new_code_cell("plt.plot(x);", outputs=figures[2:]),
    ]
    prepare_figures(new_notebook(cells=cells))
    assert [figure.metadata["alt"] for figure in figures] == [
        "Histogram and density (PDF) of the PSNR and SSIM of noisy against clean, in “How strong "
        "is it?”",
        "Pictures in a grid, in “How strong is it?”",
        "Figure, in “How strong is it?”",
    ]


def test_set_up_folds_and_headings_are_listed(tmp_path):
    """Imports and parameters, with what they print left in sight; not where one of them failed."""
    cells = [
        new_markdown_cell("# A page"),
        new_code_cell("import numpy", id="first"),
        new_code_cell("size = 3", outputs=[new_output("stream", name="stdout", text="3 px")]),
        new_markdown_cell("## What it shows"),
        new_code_cell("print(size)"),
    ]
    page = Page(tmp_path, tmp_path, "", {"title": "A page", "date": "today"}, [], [])
    for failure in (None, NotebookError("it failed", None, "first")):
        write_page(new_notebook(cells=cells), page, tmp_path / "page.html", failure)
        soup = BeautifulSoup((tmp_path / "page.html").read_text(), "html.parser")
        link = soup.select_one(".tools li a")
        assert link.text == "What it shows" and soup.find(id=link["href"][1:]).name == "h2"
        folded = [block.text.strip() for block in soup.select("details.set-up .highlight")]
        assert folded == ([] if failure else ["import numpy", "size = 3"])
        assert soup.select_one(".output").text == "3 px"


def test_code_can_be_hidden(tmp_path, browser):
    page = Page(tmp_path, tmp_path, "", {"title": "A page", "date": "today"}, [], [])
    write_page(new_notebook(cells=[new_code_cell("print(1)")]), page, tmp_path / "page.html")
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    code = tab.get_by_text("print(1)")
    assert code.is_visible()
    tab.get_by_label("Show code").uncheck()
    assert not code.is_visible()
    tab.close()


def test_a_click_shows_a_figure_at_full_size(tmp_path, browser):
    content = io.BytesIO()
    Image.new("RGB", (900, 300)).save(content, "JPEG")
    jpeg = {"image/jpeg": base64.b64encode(content.getvalue()).decode()}
    figure = new_code_cell("plt.plot(x);", outputs=[new_output("display_data", jpeg)])
    page = Page(tmp_path, tmp_path, "", {"title": "A page", "date": "today"}, [], [])
    write_page(new_notebook(cells=[figure]), page, tmp_path / "page.html")
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.goto((tmp_path / "page.html").as_uri())
    shown = tab.get_by_role("img")
    assert shown.bounding_box()["width"] < 390
    shown.click()
    assert shown.bounding_box()["width"] == 900
    shown.click()
    assert shown.bounding_box()["width"] < 390
    tab.close()
