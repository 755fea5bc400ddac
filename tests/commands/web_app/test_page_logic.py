"""The web app's page without a browser: what it shows after which choice."""

import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from casestudy.commands.web_app import page as app
from casestudy.commands.web_app import queue
from casestudy.models import released
from casestudy.results import real_noise


def whole_page():
    from casestudy.commands.web_app.page import main

    main()


@pytest.fixture(autouse=True)
def main_module(monkeypatch):
    """Keep AppTest from putting the page in the place of pytest's own, which processes import."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def page():
    page = AppTest.from_function(whole_page, default_timeout=60).run()
    assert not page.exception
    page.selectbox(key="network").set_value("nlm").run()
    return page


def press_denoise(page):
    next(button for button in page.button if button.label == "Denoise").click().run()
    assert not page.exception


def wait(page):
    while not page.session_state["job"].over:
        time.sleep(0.1)
    page.run()
    assert not page.exception


def test_a_sample_is_scored_and_no_strength_gains_nothing(page):
    press_denoise(page)
    wait(page)
    job = page.session_state["job"]
    assert [metric.label for metric in page.metric] == ["Time taken", "PSNR", "SSIM"]
    assert float(page.metric[1].delta.removesuffix(" dB")) > 1
    strength = next(slider for slider in page.slider if slider.label.startswith("Strength"))
    strength.set_value(0).run()
    assert page.session_state["job"] is job
    assert [float(m.delta.removesuffix(" dB")) for m in page.metric[1:]] == [0, 0]


def test_a_method_that_leaves_the_noise_is_told(page, monkeypatch):
    press_denoise(page)
    wait(page)
    assert not page.warning
    monkeypatch.setattr(queue, "denoiser", lambda *_: lambda pixels, progress: pixels)
    press_denoise(page)
    wait(page)
    assert page.warning[0].value.startswith("Hardly any noise was removed")


def test_another_sample_forgets_the_result(page):
    press_denoise(page)
    wait(page)
    sample = page.selectbox[0]
    sample.set_value(sample.options[1]).run()
    assert not page.metric and "job" not in page.session_state


def test_after_another_choice_the_result_still_tells_what_made_it(page):
    press_denoise(page)
    wait(page)
    assert not page.info
    page.selectbox(key="network").set_value("drunet").run()
    assert page.info[0].value.startswith("This was made by Non-Local Means")
    assert "make it again by DRUNet, half width (best), 8-bit integers" in page.info[0].value
    assert any(text.value.startswith("Non-Local Means") for text in page.caption)
    page.selectbox(key="network").set_value("nlm").run()
    assert not page.info


def test_who_finds_too_many_waiting_is_told_and_keeps_the_result(page, monkeypatch):
    press_denoise(page)
    wait(page)
    job = page.session_state["job"]
    monkeypatch.setattr(queue, "MAX_WAITING", 0)
    press_denoise(page)
    assert page.error[0].value.startswith("Too many people are waiting")
    assert page.session_state["job"] is job and page.metric


def test_stop_is_seen_at_once_while_the_network_is_prepared(page, monkeypatch):
    ready = threading.Event()

    def slow_to_load(*_):
        ready.wait(60)
        return lambda pixels, progress: next(iter(progress([pixels])))

    monkeypatch.setattr(queue, "denoiser", slow_to_load)
    press_denoise(page)
    job = page.session_state["job"]
    while job.state != "preparing":
        time.sleep(0.02)
    next(button for button in page.button if button.label == "Stop").click().run()
    assert [bar.proto.text for bar in page.get("progress")] == ["Stopping"]
    ready.set()
    wait(page)
    assert job.state == "stopped" and page.info[0].value.startswith("Stopped")


def test_8_bits_by_openvino_are_offered_where_it_is_installed(page, monkeypatch):
    assert page.selectbox[2].label == "Runs in"
    labels = page.selectbox[2].options
    assert sum("OpenVINO" in label for label in labels) == 1
    monkeypatch.setattr("casestudy.commands.web_app.page.find_spec", lambda name: None)
    without = page.run().selectbox[2].options
    assert without == [label for label in labels if "OpenVINO" not in label]


RUNS_ALL = """
import sys
import numpy as np
from casestudy.commands.web_app.page import runtimes
from casestudy.commands.web_app.queue import denoiser
for runtime in runtimes():
    denoiser("autoencoder", runtime)(np.zeros((64, 64, 3), np.uint8))
    print(runtime, "tensorflow" in sys.modules)
"""


def test_no_choice_makes_the_server_load_tensorflow():
    output = subprocess.run([sys.executable, "-c", RUNS_ALL], capture_output=True, text=True)
    loaded = dict(line.split() for line in output.stdout.splitlines())
    assert loaded == dict.fromkeys(app.runtimes(), "False"), output.stderr


def test_streamlit_takes_no_larger_uploads_than_the_service():
    settings = tomllib.loads((Path(app.__file__).parent / ".streamlit/config.toml").read_text())
    assert settings["server"]["maxUploadSize"] << 20 == queue.MAX_BYTES


def test_about_tells_scores_and_cards_also_while_there_is_no_photo(page):
    page.radio(key="way").set_value("Upload").run()
    assert not page.exception and not page.button
    real, simulated = (set(table.value["method"]) for table in page.dataframe)
    assert {*released.titles().values(), real_noise.RIVAL} < real
    assert set(released.titles().values()) < simulated
    assert [card.label for card in page.expander][-1] == "DRUNet, half width"
