"""The networks that come with the package."""

import hashlib
import re

import numpy as np
import pytest

from casestudy import models, released
from casestudy.errors import CaseStudyError
from casestudy.evaluation import evaluate_network, summarize
from casestudy.paths import project_root


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The released files, copied to a folder where they can be damaged."""
    for path in released.FOLDER.iterdir():
        if "autoencoder" in path.name or path.name == released.SUMS:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(released, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", released.NETWORKS)
def test_a_released_network_loads_in_one_line_and_removes_strong_noise(name):
    from casestudy.datasets import load_pairs
    from casestudy.evaluation import evaluate
    from casestudy.inference import network_denoiser

    network = models.load(name)
    assert network.name == name
    strong = [pair for pair in load_pairs("sample") if pair.iso == 3200 and pair.scene == "cat"]
    assert (evaluate(network_denoiser(network), strong)["gain_db"] > 2).all()


def test_all_released_files_are_listed_with_their_checksums():
    sums = dict(
        reversed(line.split("  "))
        for line in (released.FOLDER / "SHA256SUMS").read_text().splitlines()
    )
    expected = {
        f"{name}{suffix}"
        for name in released.NETWORKS
        for suffix in (".safetensors", ".history.csv", ".json", ".md")
    }
    assert sums.keys() == expected
    for name, digest in sums.items():
        assert hashlib.sha256((released.FOLDER / name).read_bytes()).hexdigest() == digest


def test_all_weights_together_are_below_60_mb():
    assert sum(path.stat().st_size for path in released.FOLDER.glob("*.safetensors")) < 60e6


def test_an_unknown_network_is_told_the_known_ones():
    with pytest.raises(CaseStudyError, match="autoencoder, cbdnet, pridnet-half, ridnet"):
        models.load("pridnet")


@pytest.mark.parametrize("suffix", [".safetensors", ".json", ".history.csv"])
@pytest.mark.parametrize("damage", ["missing", "cut", "altered"])
def test_a_damaged_file_is_named_with_what_restores_it(copied, suffix, damage):
    path = copied / f"autoencoder{suffix}"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            content[:-9] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1])
        )
    read = {
        ".safetensors": models.load,
        ".json": released.read_manifest,
        ".history.csv": released.read_history,
    }[suffix]
    with pytest.raises(CaseStudyError, match=rf"{re.escape(str(path))}.*git checkout -- "):
        read("autoencoder")


def test_missing_checksums_are_named(copied):
    (copied / "SHA256SUMS").unlink()
    with pytest.raises(CaseStudyError, match=r"SHA256SUMS is missing.*git checkout"):
        models.load("autoencoder")


@pytest.mark.parametrize("name", released.NETWORKS)
def test_no_released_network_has_seen_a_held_out_scene(name):
    from casestudy.datasets import origins, polyu

    data = released.read_manifest(name)["data"]
    held_out = [
        c for c in origins.read_origins()["crop"] if polyu.scene_of(c) in polyu.TEST_SCENES
    ]
    table = origins.read_origins().set_index("crop")
    photographed = set(table.loc[held_out, "frame"].dropna())
    assert len(held_out) == 43 and len(photographed) >= 8
    for part in data.values():
        assert not photographed & set(part["images"])
        assert not polyu.TEST_SCENES & set(part["scenes"])


@pytest.mark.parametrize("name", ["autoencoder", "cbdnet"])
def test_the_scores_of_the_card_are_those_of_an_evaluation(name):
    card = released.released_file(name, ".md").read_text()
    stated = re.search(r"`sample`:.*?\|\s*\d+ \| ([\d.]+) \| ([\d.]+) \|", card)
    scores = evaluate_network(models.load(name), released.read_manifest(name), "sample")
    mean = summarize(scores).iloc[0]
    assert [float(stated[1]), float(stated[2])] == pytest.approx(
        [mean["noisy_psnr_db"], mean["psnr_db"]], abs=0.01
    )


@pytest.mark.parametrize("name", released.NETWORKS)
def test_the_card_says_what_its_readers_need(name):
    card = released.released_file(name, ".md").read_text()
    assert card.startswith("---\nlicense: ")
    for section in ("Intended use", "Data", "Training", "Scores", "Limits", "Licence"):
        assert f"\n## {section}\n" in card
    assert "non-commercial" in card and f"casestudy train {name} --recipe released" in card
    assert not re.search(r"\bnan\b|\bNone\b|Undefined", card)
    assert str(project_root()) not in card


def test_the_history_is_that_of_the_training():
    for name in released.NETWORKS:
        history, manifest = released.read_history(name), released.read_manifest(name)
        assert len(history) == manifest["last"]["epoch"]
        assert np.isclose(history["val_psnr_db"].max(), manifest["best"]["val_psnr_db"])
