"""What pages make of formulas, of source code and of a notebook's answer."""

import base64
import io

from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

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
