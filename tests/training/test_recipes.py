"""What released networks are trained on, and that it holds nothing of what they are tested on."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from casestudy import CaseStudyError
from casestudy.commands.main import app
from casestudy.data.catalogue import load_pairs
from casestudy.data.sets import polyu
from casestudy.files.folders import data_root
from casestudy.files.photos import read_image
from casestudy.models import released
from casestudy.training.recipes import recipe, training_data
from tests.benchmarks import origins

needs_crops = pytest.mark.skipif(
    not (data_root() / "polyu" / "CroppedImages").is_dir(), reason="PolyU is not there"
)
needs_all = pytest.mark.skipif(
    not all((data_root() / f).is_dir() for f in ("polyu/OriginalImages", "bsds500/train")),
    reason="PolyU's frames or BSDS500 are not there",
)


@pytest.fixture(scope="module")
def data():
    return training_data()


def test_unknown_recipes_and_networks_are_told_the_known_ones():
    with pytest.raises(CaseStudyError, match="Known: released"):
        recipe("relaesed", "ridnet")
    with pytest.raises(CaseStudyError, match="autoencoder, cbdnet, pridnet, pridnet-half, ridnet"):
        recipe("released", "unet")


def test_every_released_network_has_a_recipe():
    assert all(recipe("released", network) for network in released.titles())


def test_a_scene_of_a_frame_is_that_of_the_crops_cut_from_it():
    """The table tells by content which frame a crop is from; both names must tell one scene."""
    table = origins.read_origins().dropna()
    assert len(table) == 86
    for crop, frame in zip(table["crop"], table["frame"], strict=True):
        of_crop, of_frame = (polyu.scene_of(name) for name in (crop, frame))
        assert of_crop == of_frame, (crop, frame)


@needs_crops
def test_held_out_crops_are_of_eight_scenes_and_all_cameras():
    everyone = load_pairs("polyu")
    held_out = [pair for pair in everyone if pair.part == "test"]
    assert len({pair.scene for pair in held_out}) == 8 and len(held_out) == 43
    assert {pair.camera for pair in held_out} == {pair.camera for pair in everyone}


@needs_all
def test_the_table_of_origins_is_what_the_images_show():
    found, committed = origins.find_origins(), origins.read_origins()
    keys = ["crop", "frame", "left", "top"]
    pd.testing.assert_frame_equal(found[keys], committed[keys], check_dtype=False)
    # A crop that was cut from no frame is no less clear: nothing is nearly like it.
    assert committed.loc[committed["frame"].isna(), "correlation"].max() < 0.9
    assert committed.loc[committed["frame"].notna(), "correlation"].min() > 0.99


@needs_all
def test_no_training_pixel_comes_from_a_held_out_scene(data):
    held_out = {pair.id for pair in load_pairs("polyu") if pair.part == "test"}
    table = origins.read_origins()
    photographed = set(table.loc[table["crop"].isin(held_out), "frame"].dropna())
    assert len(photographed) >= 8
    for patches in (data.training, data.validation):
        assert not set(patches.table["image"]) & photographed
        assert not set(patches.table["scene"]) & polyu.TEST_SCENES
    assert not set(data.training.table["scene"]) & set(data.validation.table["scene"])
    photographs = {pair.id: pair.part for pair in load_pairs("bsds500-clean")}
    assert {photographs[image] for image in data.simulated_from.table["image"]} == {"train"}


@needs_all
def test_pairs_that_the_check_rejects_are_left_out(data):
    assert "Nikon800_stair" not in set(data.training.table["image"])
    frames = {pair.id for pair in load_pairs("polyu-frames") if pair.part == "train"}
    assert set(data.training.table["image"]) == frames - {"Nikon800_stair"}


@needs_all
def test_patches_are_cut_at_native_resolution(data):
    patches = data.training
    first = patches.table.loc[0, "image"]
    (pair,) = (pair for pair in load_pairs("polyu-frames") if pair.id == first)
    noisy, clean = patches.crop(0, 0, 0, patches.size)
    assert (noisy == read_image(pair.noisy_path)[: patches.size, : patches.size]).all()
    assert (clean == read_image(pair.clean_path)[: patches.size, : patches.size]).all()


@needs_all
def test_validation_has_as_much_real_as_simulated_noise(data):
    assert data.validation.table["camera"].eq("random simulated").mean() == 0.5


@needs_all
def test_the_command_trains_by_the_recipe_but_for_what_is_given(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr("casestudy.files.folders.project_root", lambda: tmp_path)
    command = "train autoencoder --recipe released --filters 4 --batch-size 2 --max-minutes 0.02"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    folder = tmp_path / "reports" / "released" / "models"
    manifest = json.loads((folder / "autoencoder.json").read_text())
    expected = recipe("released", "autoencoder") | {"batch_size": 2, "max_minutes": 0.02}
    assert expected.pop("bfloat16") == (manifest["identity"]["precision"] == "mixed_bfloat16")
    assert {name: manifest["identity"][name] for name in expected} == expected
    assert manifest["data"]["simulated"]["dataset"] == "bsds500-clean"
