"""Source code as notebooks show it."""

from bs4 import BeautifulSoup

from casestudy.models import ridnet
from casestudy.results import source
from casestudy.results.source import shortened_source, show_source


def shown(*functions):
    return BeautifulSoup(show_source(*functions).data, "html.parser")


def test_the_code_is_that_of_the_function_without_the_details_of_its_docstring():
    code = shortened_source(ridnet.build_ridnet)
    assert code.startswith("def build_ridnet(filters: int = 64, name: str = ")
    assert code.count('"""') == 2 and "Parameters" not in code
    assert code.endswith("    return keras.Model(noisy, corrected(noisy, x), name=name)\n")
    assert '"""EAM: see far' in shortened_source(ridnet.enhancement_attention_module)


def test_code_is_shown_as_it_is_under_the_name_of_its_file():
    soup = shown(ridnet.residual_block, ridnet.enhanced_residual_block)
    assert soup.select_one(".caption").text == "casestudy/models/ridnet.py"
    (code,) = soup.select(".highlight pre")
    both = (shortened_source(f) for f in (ridnet.residual_block, ridnet.enhanced_residual_block))
    assert code.text.strip() == "\n\n".join(both).strip()
    assert not soup.select("details")


def test_long_functions_are_folded_in_their_place(monkeypatch):
    monkeypatch.setattr(source, "FOLDED", 8)
    soup = shown(ridnet.add_and_relu, ridnet.merge_and_run, ridnet.feature_attention)
    blocks = soup.select(".highlight")
    assert [bool(block.find_parent("details")) for block in blocks] == [False, True, False]
    assert soup.select_one("summary").text == "merge_and_run: 10 lines of code"
