"""Networks in 8 bits by OpenVINO."""

import re
import sys

import pytest
from typer.testing import CliRunner

from casestudy import CaseStudyError, models
from casestudy.commands.main import app
from casestudy.data.experiment import open_experiment
from casestudy.denoising.openvino import openvino_denoiser, openvino_file
from casestudy.denoising.tiles import network_denoiser
from casestudy.files.photos import read_image
from casestudy.results.metrics import score


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASESTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_eight_bits_cost_a_released_network_little():
    """On simulated captures of scenes that it was not calibrated on.

    The autoencoder has no skip: in it, the picture itself goes through 8 bits.
    """
    network = "autoencoder"
    test = open_experiment("sample", patch_size=128).test.spread(8)
    file = openvino_file(network)
    assert openvino_file(network) == file  # the second time it is there
    whole = score(network, network_denoiser(models.load(network)), test)
    eight_bits = score(network, openvino_denoiser(file, network), test)
    assert eight_bits["psnr_db"].mean() > whole["psnr_db"].mean() - 0.25
    assert file.with_suffix(".bin").stat().st_size < 0.3 * 4 * models.load(network).count_params()


def test_the_command_denoises_by_it(tmp_path):
    from PIL import Image

    noisy, clean = open_experiment("sample", patch_size=128).test.spread(1).crop(0, 0, 0, 100)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    command = ["denoise", str(tmp_path / "noisy.png"), str(tmp_path / "denoised.png")]
    run = CliRunner().invoke(
        app, [*command, "--model", "autoencoder", "--runtime", "openvino-int8"]
    )
    assert run.exit_code == 0, run.output
    denoised = read_image(tmp_path / "denoised.png")
    assert abs(denoised - clean.astype(float)).mean() < abs(noisy - clean.astype(float)).mean()


def test_without_it_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CaseStudyError, match=r"pip install"):
        openvino_file("ridnet")


def test_another_file_is_named(tmp_path):
    file = tmp_path / "network.xml"
    for content in ("", "text", "<net/>"):
        file.write_text(content)
        with pytest.raises(CaseStudyError, match=re.escape(str(file))):
            openvino_denoiser(file, "ridnet")
