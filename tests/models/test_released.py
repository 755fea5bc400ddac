"""The networks that come with the package."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from casestudy import CaseStudyError, models
from casestudy.data.experiment import open_experiment
from casestudy.data.sets.polyu import TEST_SCENES
from casestudy.denoising.tiles import network_denoiser
from casestudy.models import released
from casestudy.results.metrics import score
from casestudy.results.run import TRAINED_HERE, networks_to_test
from casestudy.training.manifest import effort

# dB on the patches below, 0.3 under what was measured: a changed activation costs more.
LEAST_GAIN = {
    "autoencoder": 9.06,
    "cbdnet": 9.26,
    "pridnet-half": 9.98,
    "ridnet": 12.34,
    "drunet": 11.52,
}
EXPECTED = {f"{network}{suffix}" for network in released.titles() for suffix in released.SUFFIXES}
EXPECTED |= {f"{network}{released.INT8}" for network in released.IN_8_BITS}


def test_all_files_are_there_and_the_weights_together_under_60_mebibytes():
    files = {path.name: path.stat().st_size for path in released.FOLDER.iterdir()}
    assert files.keys() == EXPECTED | {released.SUMS}
    assert sum(size for name, size in files.items() if name.endswith(".safetensors")) < 60 * 2**20


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs the command sha256sum")
def test_sha256sum_agrees_with_the_list():
    command = ["sha256sum", "--check", "--strict", released.SUMS]
    listed = subprocess.run(command, cwd=released.FOLDER, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == len(EXPECTED)


@pytest.mark.parametrize("network", released.titles())
class TestEveryNetwork:
    def test_loads_and_removes_noise_it_has_not_seen(self, network):
        """On the strongest noise of photographs, cameras and ISO that it was not trained on."""
        test = open_experiment("sample", patch_size=128).test
        noisy = score("noisy", lambda batch: batch, test)
        strongest = np.argsort(noisy["psnr_db"].to_numpy())[:8]
        denoised = score(network, network_denoiser(models.load(network)), test.take(strongest))
        gain = denoised["psnr_db"].mean() - noisy["psnr_db"].iloc[strongest].mean()
        assert gain > LEAST_GAIN[network]

    def test_history_and_manifest_tell_of_the_same_training(self, network):
        history, manifest = (
            pd.read_csv(released.released_file(network, ".history.csv")),
            released.manifest(network),
        )
        assert manifest["identity"]["network"] == network
        assert len(history) == manifest["last"]["epoch"]
        assert history["val_psnr_db"].max() == pytest.approx(manifest["best"]["val_psnr_db"])
        assert (
            manifest["weights sha256"]
            == released.read_checksums(released.FOLDER)[f"{network}.safetensors"]
        )
        assert manifest["dB lost by 16 bits"] <= 0.005

    def test_saw_none_of_the_held_out_scenes(self, network):
        for part in released.manifest(network)["data"].values():
            if part["dataset"].startswith("polyu"):
                assert not set(part["scenes"]) & set(TEST_SCENES)


class TestDamage:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        folder = tmp_path / "released"
        shutil.copytree(released.FOLDER, folder)
        monkeypatch.setattr(released, "FOLDER", folder)
        return folder

    def refused(self, file, match):
        with pytest.raises(CaseStudyError, match=match) as error:
            models.load("autoencoder")
        assert str(file) in str(error.value)
        assert f"git checkout -- {file}" in str(error.value)

    def test_missing(self, folder):
        weights = folder / "autoencoder.safetensors"
        weights.unlink()
        self.refused(weights, "is missing")

    def test_cut_short(self, folder):
        weights = folder / "autoencoder.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        self.refused(weights, "SHA-256 differs")

    def test_one_bit_altered(self, folder):
        weights = folder / "autoencoder.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        self.refused(weights, "SHA-256 differs")

    def test_list_of_checksums_missing(self, folder):
        (folder / released.SUMS).unlink()
        self.refused(folder / released.SUMS, "is missing")


def test_unknown_network():
    known = "Known: autoencoder, cbdnet, pridnet-half, ridnet, drunet"
    with pytest.raises(CaseStudyError, match=known):
        models.load("pridnet")


class TestNetworksToTest:
    def test_the_one_trained_here_then_the_released_one(self, tmp_path):
        experiment = open_experiment("sample", str(tmp_path), patch_size=128, max_pairs=12)
        here = models.build("autoencoder")
        first, second = networks_to_test("autoencoder", here, experiment, "autoencoder")
        assert (first.title, first.model) == (f"autoencoder{TRAINED_HERE}", here)
        assert (second.title, second.file.parent) == ("autoencoder", released.FOLDER)

    def test_the_released_one_is_left_out_where_it_saw_what_is_tested(
        self, tmp_path, capsys, monkeypatch
    ):
        experiment = open_experiment("sample", str(tmp_path), patch_size=128, max_pairs=12)
        seen = {"dataset": "sample", "images": list(experiment.test.table["image"]), "scenes": []}
        monkeypatch.setattr(released, "manifest", lambda name: {"data": {"training": seen}})
        networks = networks_to_test("RIDNet", models.build("ridnet"), experiment, "ridnet")
        assert [network.title for network in networks] == [f"RIDNet{TRAINED_HERE}"]
        assert "left out" in capsys.readouterr().out


def test_a_training_that_went_on_counts_with_what_it_started_from():
    before = {"last": {"epoch": 4}, "megapixels": 500.0, "seconds": 30}
    after = {"last": {"epoch": 6}, "megapixels": 1000.0, "seconds": 60, "start": before}
    article = 2 * 6912 * 256 * 256 / 1e6
    assert effort(after, article_epochs=2) == (
        "2 trainings, one after the other: 10 epochs, 1,500.0 megapixels in 1.5 minutes. "
        f"The article's 2 epochs are {article:.0f} megapixels, {article / 1500:.1f} times as much."
    )
