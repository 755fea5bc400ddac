"""Formulas of prose are drawn into pages."""

from bs4 import BeautifulSoup

from casestudy.commands.report.formulas import draw_formulas


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
