"""The before/after slider does what it says, in a browser."""

import base64
import io

import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from casestudy import CaseStudyError
from casestudy.commands.report.pages import Page, write_page
from casestudy.results.slider import slider_html

RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def plain(colour, height=160, width=160):
    return np.full((height, width, 3), colour, np.uint8)


def chequered(size=160):
    """Return black and white pixels in turn; any smoothing makes grey of them."""
    rows, columns = np.indices((size, size))
    return ((rows + columns) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.fixture
def show(browser, tmp_path):
    """Open HTML from a file; what it asks of a network and complains of fails the test."""
    trouble, contexts = [], []

    def open_page(*parts, **options):
        context = browser.new_context(**{"viewport": {"width": 900, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: trouble.append(request.url))
        file = tmp_path / "page.html"
        file.write_text("<!DOCTYPE html>" + "".join(parts), encoding="utf-8")
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [entry for entry in trouble if not entry.startswith(("file:", "data:"))]


def seen(page, across, down=0.25, slider=0):
    """Return the colour at a place of a slider's picture, both from 0 to 1."""
    picture = page.locator(".stage").nth(slider).screenshot()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return image.getpixel((int(across * image.width), int(down * image.height)))


def drag(page, start, end, down=0.25, release=True):
    box = page.locator(".stage").first.bounding_box()
    x, y = (lambda share: box["x"] + share * box["width"]), box["y"] + down * box["height"]
    page.mouse.move(x(start), y)
    page.mouse.down()
    page.mouse.move(x(end), y, steps=4)
    if release:
        page.mouse.up()


def test_dragging_shows_more_of_the_one_or_the_other(show):
    page = show(slider_html(plain(RED), plain(BLUE)))
    assert (seen(page, 0.4), seen(page, 0.6)) == (RED, BLUE)
    drag(page, 0.5, 0.2, release=False)
    assert (seen(page, 0.15), seen(page, 0.25)) == (RED, BLUE)
    page.mouse.up()
    drag(page, 0.2, 1.5)
    assert seen(page, 0.95) == RED


def test_a_finger_drags_too(show):
    page = show(slider_html(plain(RED), plain(BLUE)), has_touch=True)
    box = page.locator(".stage").bounding_box()
    touches = page.context.new_cdp_session(page)
    for kind, across in (("Start", 0.5), ("Move", 0.6), ("Move", 0.8), ("End", None)):
        points = [{"x": box["x"] + across * box["width"], "y": box["y"] + 50}] if across else []
        touches.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    assert (seen(page, 0.75), seen(page, 0.85)) == (RED, BLUE)


def test_arrow_keys_move_the_divider(show):
    page = show(slider_html(plain(RED), plain(BLUE)))
    page.keyboard.press("Tab")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert (seen(page, 0.58), seen(page, 0.62)) == (RED, BLUE)
    assert page.get_by_role("slider", name="Divider between noisy and denoised").count() == 1


def test_enlarged_pixels_are_not_smoothed(show):
    page = show(slider_html(chequered(), chequered()))
    for _ in range(2):
        page.get_by_role("button", name="Larger").click()
    assert page.locator("output").inner_text() == "1600 %"
    picture = Image.open(io.BytesIO(page.locator(".stage").screenshot())).convert("RGB")
    row = [picture.getpixel((x, 100)) for x in range(200)]
    assert set(row) == {BLACK, WHITE}
    changes = [x for x in range(1, 200) if row[x] != row[x - 1]]
    assert set(np.diff(changes)) == {16}
    page.get_by_role("button", name="Smaller").click()
    assert page.locator("output").inner_text() == "800 %"


def test_a_double_click_enlarges_what_is_under_it_and_dragging_then_moves_the_picture(show):
    image = plain(BLUE, 640, 640)
    image[:, :400] = RED
    page = show(slider_html(image, image))
    edge = {"x": 400, "y": 100}
    page.locator(".stage").dblclick(position=edge)
    assert page.locator("output").inner_text() == "400 %"
    assert (seen(page, 0.6), seen(page, 0.66)) == (RED, BLUE)
    drag(page, 0.3, 0.5, down=0.75)
    assert (seen(page, 0.8), seen(page, 0.86)) == (RED, BLUE)
    page.keyboard.press("Shift+ArrowRight")
    assert (seen(page, 0.65), seen(page, 0.75)) == (RED, BLUE)
    page.locator(".stage").dblclick(position=edge)
    assert page.locator("output").inner_text() == "100 %"


def test_two_sliders_on_a_page_are_independent(show):
    page = show(*(slider_html(plain(RED), plain(BLUE, 160, 160)) for _ in range(2)))
    drag(page, 0.5, 0.2)
    page.get_by_role("button", name="Larger").last.click()
    assert (seen(page, 0.4), seen(page, 0.4, slider=1)) == (BLUE, RED)
    assert page.locator("output").all_inner_texts() == ["400 %", "800 %"]


def test_labels_are_text(show):
    label = "<img src=x onerror=alert(1)> & \"'"
    page = show(slider_html(plain(RED), plain(BLUE), (label, "</style><script>boom(")))
    assert page.locator("img").count() == 2
    assert page.locator(".layer").first.inner_text() == label
    assert page.locator("img").first.get_attribute("alt") == label


def test_it_fits_a_phone_and_leaves_no_global_names(show):
    page = show(slider_html(plain(RED, 300, 700), plain(BLUE, 300, 700)))
    names = "Object.keys(window).sort().join()"
    with_slider = page.evaluate(names)
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert with_slider == show("").evaluate(names)


def test_without_scripts_both_stand_side_by_side(show):
    page = show(slider_html(plain(RED), plain(BLUE)), java_script_enabled=False)
    assert (seen(page, 0.25, 0.9), seen(page, 0.75, 0.9)) == (RED, BLUE)
    assert not page.locator("button").first.is_visible()


def inlined(html):
    """Return the images of a slider as arrays."""
    sources = [image["src"] for image in BeautifulSoup(html, "html.parser").select("img")]
    files = [io.BytesIO(base64.b64decode(s.split(",", 1)[1])) for s in sources]
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


def test_no_pixel_is_lost_unless_an_image_is_reduced():
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    html = slider_html(noise, noise / 255)
    assert all((image == noise).all() for image in inlined(html))
    assert "reduced" not in html
    overview = slider_html(noise, noise, max_side=40)
    assert [image.shape for image in inlined(overview)] == [(30, 40, 3)] * 2
    assert "reduced from 80 × 60 pixels" in overview


def test_images_of_two_sizes_are_refused():
    with pytest.raises(CaseStudyError, match="same size"):
        slider_html(plain(RED), plain(BLUE, 10, 10))


def test_it_works_in_a_report(show, tmp_path):
    output = new_output("execute_result", {"text/html": slider_html(plain(RED), plain(BLUE))})
    notebook = new_notebook(cells=[new_code_cell("slider", outputs=[output])])
    record = {"title": "T", "date": "today"}
    page = Page(tmp_path, tmp_path, "polyu", record, previous=[], following=[])
    write_page(notebook, page, tmp_path / "report.html")
    shown = show((tmp_path / "report.html").read_text())
    assert shown.locator(".stage").bounding_box()["width"] == 640
    drag(shown, 0.5, 0.2)
    assert (seen(shown, 0.15), seen(shown, 0.25)) == (RED, BLUE)
