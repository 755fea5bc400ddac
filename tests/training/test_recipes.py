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
from casestudy.training.recipes import missing, training_data
from casestudy.training.settings import recipe
from tests.benchmarks import origins

needs_crops = pytest.mark.skipif(
    not (data_root() / "polyu" / "CroppedImages").is_dir(), reason="PolyU is not there"
)
needs_all = pytest.mark.skipif(
    not all(
        (data_root() / folder).is_dir()
        for folder in ("polyu/OriginalImages", "bsds500/train", "clean", "renoir", "sidd-crops")
    ),
    reason="PolyU's frames, BSDS500, or crops of RENOIR or SIDD are not there",
)


@pytest.fixture(scope="module")
def data():
    return training_data()


def test_unknown_recipes_and_networks_are_told_the_known_ones():
    with pytest.raises(CaseStudyError, match="Known: released, equal-cost"):
        recipe("relaesed", "ridnet")
    with pytest.raises(
        CaseStudyError, match="autoencoder, cbdnet, pridnet, pridnet-half, ridnet, drunet"
    ):
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
    """Every fourth crop is looked for: each takes half a second."""
    committed, chosen = origins.read_origins(), slice(None, None, 4)
    found = origins.find_origins(load_pairs("polyu")[chosen])
    keys = ["crop", "frame", "left", "top"]
    expected = committed[keys][chosen].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[keys], expected, check_dtype=False)
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
    for source in data.sources.values():
        table = source.patches.table
        pairs = [
            pair for name in table["dataset"].iloc[0].split(", ") for pair in load_pairs(name)
        ]
        held_out = {pair.scene for pair in pairs if pair.part in ("validation", "test")}
        assert held_out or table["dataset"].iloc[0] == "clean"
        assert not set(table["scene"]) & held_out
        assert not set(table["scene"]) & set(data.validation.table["scene"])


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
def test_validation_has_as_many_patches_of_each_dataset_where_there_are_enough(data):
    images = data.validation.table["image"]
    datasets = ("polyu", "bsds500", "renoir-crops", "sidd-crops")
    counts = [images.isin({pair.id for pair in load_pairs(name)}).sum() for name in datasets]
    assert counts == [24, 24, 24, 12]


@needs_all
def test_what_is_not_real_noise_has_the_shares_of_the_recipe(data):
    shares = {name: source.share for name, source in data.sources.items()}
    assert sum(shares.values()) == pytest.approx(0.72)  # PolyU's frames have the rest
    assert {name: source.noise for name, source in data.sources.items()} == {
        "simulated cameras": "camera",
        "mixed noise": "mixture",
        "clean": "none",
        "renoir": "own",
        "phones": "own",
    }


@needs_all
def test_a_missing_dataset_is_named_and_left_out_only_if_allowed(tmp_path, monkeypatch, capsys):
    for name in ("polyu", "bsds500", "sidd-crops", "clean"):
        (tmp_path / name).symlink_to(data_root() / name)
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    with pytest.raises(CaseStudyError, match=r"pairs\.csv is not there.*--allow-missing"):
        training_data()
    data = training_data(allow_missing=True)
    assert "renoir-crops is missing" in capsys.readouterr().out
    assert "renoir" not in data.sources and "phones" in data.sources
    parts = [data.training, data.validation, *(s.patches for s in data.sources.values())]
    assert missing(part.table["dataset"].iloc[0] for part in parts) == ["renoir-crops"]


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
    assert manifest["data"]["simulated cameras"]["dataset"] == "bsds500-clean, clean"
