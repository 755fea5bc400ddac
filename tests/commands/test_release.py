"""Making a trained network part of the package."""

import numpy as np
import pandas as pd
import pytest

from casestudy import CaseStudyError
from casestudy.commands import release
from casestudy.data.patches import cut_patches
from casestudy.models import build, released
from casestudy.results import equal_cost, shipped
from casestudy.training.settings import recipe
from casestudy.training.train import train


def manifest(start=None, **identity):
    settings = {"schedule": "cosine", "clip_norm": 0.0, "seed": 0, "max_minutes": 0.0}
    settings |= {k: v for k, v in recipe("released", "ridnet").items() if k != "bfloat16"}
    settings |= {"network": "ridnet", "precision": "float32"} | identity
    settings |= {"renoir source": [0.12, "own", 0.3], "mixed noise source": [0.25, "mixture", 0.0]}
    part = {"dataset": "polyu-frames", "patches": 5, "patch size": 160}
    part |= {"images": ["a", "b"], "scenes": ["bag", "robot"]}
    sources = {
        "renoir": part | {"dataset": "renoir-crops", "images": ["c"]},
        "mixed noise": part | {"dataset": "bsds500-clean"},
    }
    return {
        "identity": settings,
        "data": {"training": part, **sources, "validation": part},
        "start": start,
        "parameters": 1_499_347,
        "megapixels": 123.4,
        "best": {"epoch": 3, "val_psnr_db": 34.5},
        "last": {"epoch": 4},
        "seconds": 4200.0,
        "devices": ["cpu"],
        "machine": "Linux",
        "versions": {"keras": "3.15", "keras backend": "jax", "python": "3.12"},
        "finished": "2026-11-22",
        "commit": "0123456789abcdef-dirty",
        "dB lost by 16 bits": 0.0001,
    }


def scores(psnr_db, noisy_db=30.0):
    table = pd.DataFrame({"image": ["x", "y"], "scene": ["s", "t"], "camera": ["C1", "C2"]})
    table = table.assign(iso=pd.array([100, 200], "Int64"), noisy_psnr_db=noisy_db)
    table = table.assign(psnr_db=psnr_db, noisy_ssim=0.9, ssim=0.95)
    table = table.assign(noisy_ssim_volume=0.96, ssim_volume=0.98, noisy_lpips=0.2, lpips=0.1)
    gain = table["psnr_db"] - table["noisy_psnr_db"]
    return table.assign(gain_db=gain.where(np.isfinite(gain)))


def card(clean_db=45.5, without=(), **identity):
    tables = {name: scores(33.25) for name in shipped.TITLES}
    tables["kodak"] = scores(clean_db, np.inf)
    tables = [table.assign(dataset=name) for name, table in tables.items() if name not in without]
    return release.card("ridnet", manifest(**identity), pd.concat(tables))


def test_the_card_holds_scores_recipe_and_commit():
    text = card()
    assert "`phones`: SIDD crops, real noise of phones | 2 | 30.00 |  | 33.25 | +3.25 |" in text
    assert "| 2 | inf |  | 45.50 |  |  | 0.9000 | 0.9500 |" in text  # no noise, so no gain
    assert "| C1 | 1 | 30.00 | 33.25 | +3.25 |" in text
    assert "`casestudy train ridnet --recipe released`" in text
    assert "0123456789abcdef-dirty" in text and "70 minutes" in text


def test_the_card_lists_the_sources_and_what_was_missing():
    text = card()
    assert (
        "**Renoir**, 12 % of the examples: 1 images of renoir-crops with their own noise" in text
    )
    assert "**Mixed noise**, 25 % of the examples: 2 images of bsds500-clean under" in text
    assert "**Missing** in this training: clean, sidd-crops." in text


def test_the_card_tells_what_came_back_exactly():
    text = card(clean_db=[45.5, np.inf])
    assert "| 2 | inf |  | 45.50 |  |  | 0.9000 | 0.9500 |" in text
    assert "Of `kodak`, 1 came back exactly" in text
    assert "exactly" not in card()


def test_the_card_compares_with_the_filter(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FILTERS", tmp_path / "filters.csv")
    shipped.FILTERS.write_text("method,dataset,images,psnr_db,ssim\nNLM,polyu,2,32.0,0.9\n")
    assert "| 2 | 30.00 | 32.00 | 33.25 | +3.25 | +1.25 | 0.9000 | 0.9500 |" in card()


def test_the_card_names_the_sets_that_were_not_there():
    text = card(without=("renoir-crops", "kodak"))
    assert "Not scored, because they were not there: renoir-crops, kodak." in text
    assert "| `kodak`:" not in text and "type: renoir-crops" not in text
    assert "Not scored" not in card()


def test_the_card_tells_every_setting_that_is_not_the_recipes():
    text = card(max_minutes=70.0, batch_size=32, precision="mixed_bfloat16", seed=3)
    (command,) = (line for line in text.splitlines() if line.startswith("`casestudy train"))
    assert command.startswith("`casestudy train ridnet --recipe released ")
    for option in ("--max-minutes 70", "--batch-size 32", "--bfloat16", "--seed 3"):
        assert f" {option}" in command


def test_the_card_of_a_comparison_names_the_recipe_and_the_run_and_offers_no_weights():
    tables = [scores(33.25).assign(dataset=name) for name in equal_cost.SETS]
    start = manifest() | {"identity": manifest()["identity"] | {"max_minutes": 120.0}}
    text = release.card(
        "drunet", start, pd.concat(tables), "equal-cost", equal_cost.SETS, "equal-cost-1"
    )
    assert "`casestudy train drunet --recipe equal-cost " in text
    assert "`casestudy evaluate drunet --run equal-cost-1 --dataset all`" in text
    assert "weights are not part of the package" in text and "casestudy.models.load" not in text
    assert "Not scored" not in text


def test_the_card_tells_what_a_training_went_on_from():
    text = card(start=manifest())
    assert "`casestudy train ridnet --recipe released --start released`" in text
    assert "the weights released before: 123 megapixels" in text
    assert "released before" not in card()


class TestRefusals:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(released, "FOLDER", tmp_path / "released")
        return tmp_path / "released"

    def test_no_training(self, tmp_path, folder):
        with pytest.raises(CaseStudyError, match="no finished training"):
            release.release("autoencoder", tmp_path)
        assert not folder.exists()

    def test_a_training_on_other_data_than_the_recipes(self, pair_folder, tmp_path, folder):
        from casestudy.data.catalogue import load_pairs

        name = f"folder:{pair_folder}"
        patches = cut_patches(name, load_pairs(name), size=32)
        model = build("autoencoder", 0)
        train(model, patches, patches.spread(4), 1, tmp_path / "models", batch_size=8)
        with pytest.raises(CaseStudyError, match="with no recipe"):
            release.release("autoencoder", tmp_path / "models")
        assert not folder.exists()


def test_half_precision_halves_the_file_and_keeps_the_output(tmp_path):
    from casestudy.models.weights import load_weights, save_weights

    model, same = build("autoencoder", 0), build("autoencoder", 1)
    save_weights(model, tmp_path / "whole.safetensors")
    save_weights(model, tmp_path / "half.safetensors", np.float16)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("whole", "half")]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)
    load_weights(same, tmp_path / "half.safetensors")
    assert {weight.dtype for weight in same.weights} == {"float32"}
    for weight, half in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(half, weight, rtol=2**-11, atol=2**-24)
