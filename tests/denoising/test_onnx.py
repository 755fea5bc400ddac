"""Networks as ONNX files for photo programs."""

import json
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
from typer.testing import CliRunner

from casestudy import CaseStudyError, models
from casestudy.commands import export
from casestudy.commands.main import app
from casestudy.denoising.onnx_file import to_onnx
from casestudy.denoising.tiles import network_denoiser
from tests.models.test_restoration import shaken


def run(content, noisy):
    """As a photo program does: channels before rows and columns."""
    session = onnxruntime.InferenceSession(content)
    (denoised,) = session.run(["output"], {"input": noisy.transpose(0, 3, 1, 2)})
    return denoised.transpose(0, 2, 3, 1)


def test_dilated_convolutions_are_single_operations_at_any_size():
    model = shaken(models.build("ridnet", filters=16))
    made = to_onnx(model)
    kinds = {node.op_type for node in made.graph.node}
    assert "Conv" in kinds and not {"SpaceToDepth", "Transpose"} & kinds
    for size in ((33, 50), (64, 40)):
        noisy = np.random.default_rng(0).random((2, *size, 3), np.float32)
        denoised = run(made.SerializeToString(), noisy)
        np.testing.assert_allclose(denoised, network_denoiser(model)(noisy), atol=1e-5)


def test_the_command_writes_a_model_for_darktable(tmp_path):
    """The layout is that of the files that darktable-ai packs."""
    file = tmp_path / "mine.dtmodel"
    command = f"export autoencoder --to dtmodel --output {file}"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(file) as archive:
        assert set(archive.namelist()) == {"mine/config.json", "mine/model.onnx"}
        described = json.loads(archive.read("mine/config.json"))
        content = archive.read("mine/model.onnx")
    assert (described["id"], described["task"], described["backend"]) == (
        "mine",
        "denoise",
        "onnx",
    )
    ends = onnx.load_from_string(content).graph
    (source,), (target,) = ends.input, ends.output
    axes = ["batch_size", "", "height", "width"]  # "": a number
    for end in (source, target):
        assert [axis.dim_param for axis in end.type.tensor_type.shape.dim] == axes
    for size in ((37, 61), (3, 20)):  # not multiples of 8; and less than what is missing
        noisy = np.random.default_rng(1).random((1, *size, 3), np.float32)
        expected = network_denoiser(models.load("autoencoder"))(noisy)
        np.testing.assert_allclose(run(content, noisy), expected, atol=1e-5)
    assert "`casestudy export autoencoder --to dtmodel`" in file.with_suffix(".md").read_text()


def test_a_file_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    other = to_onnx(models.build("autoencoder", filters=8))
    monkeypatch.setattr(export, "to_onnx", lambda model: other)
    with pytest.raises(CaseStudyError, match="differs from Keras"):
        export.write_file(models.load("autoencoder"), "onnx", tmp_path / "a.onnx", "")
    assert not list(tmp_path.iterdir())


def test_without_it_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("casestudy.commands.main.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["export", "drunet"])
    assert "pip install '.[onnx]'" in str(result.exception)
