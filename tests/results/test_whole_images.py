import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.models import build
from casestudy.results.whole_images import describe, evaluate, evaluate_network, mean_scores
from casestudy.training.manifest import refuse_seen


def half_way(noisy):
    """Move everything to the middle of the ramps of `pair_folder`."""
    return 0.5 * noisy + 0.25


def test_scores_are_those_of_images_rounded_to_8_bits(pair_folder):
    pairs = load_pairs(f"folder:{pair_folder}")
    scores = evaluate(half_way, pairs)
    assert scores["image"].tolist() == [pair.id for pair in pairs]
    for row, pair in zip(scores.itertuples(), pairs, strict=True):
        noisy, clean = pair.load()
        denoised = np.round(half_way(noisy / 255) * 255).astype(np.uint8)
        assert row.psnr_db == pytest.approx(peak_signal_noise_ratio(clean, denoised), abs=1e-3)
        assert row.noisy_psnr_db == pytest.approx(peak_signal_noise_ratio(clean, noisy), abs=1e-3)
        assert row.gain_db == pytest.approx(row.psnr_db - row.noisy_psnr_db)


def test_large_images_are_scored_on_squares_and_count_once(tmp_path):
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        for name, size in (("large", (1500, 1000)), ("small", (64, 48))):
            image = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
            Image.fromarray(image).save(tmp_path / part / f"{name}.png")
    shapes = []

    def denoiser(noisy):
        shapes.append(noisy.shape)
        return noisy * 0.5

    scores = evaluate(denoiser, load_pairs(f"folder:{tmp_path}"))
    assert shapes == [(1, 512, 512, 3)] * 6 + [(1, 48, 64, 3)]
    assert scores["part"].tolist() == [0, 1, 2, 3, 4, 5, 0]
    summary = mean_scores(scores)
    assert summary["images"].item() == 2
    of_each = scores.groupby("image")["psnr_db"].mean()
    assert summary["psnr_db"].item() == pytest.approx(of_each.mean())


@pytest.mark.parametrize("size", [(1200, 1200), (1920, 1080), (513, 2000)])
def test_squares_cover_a_large_image(tmp_path, size):
    """The colour of each pixel is its number."""
    width, height = size
    numbers = np.arange(width * height, dtype=">u4").reshape(height, width, 1)
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        Image.fromarray(numbers.view(np.uint8)[..., 1:]).save(tmp_path / part / "a.png")
    seen = np.zeros(width * height, bool)

    def denoiser(noisy):
        colours = np.round(noisy * 255).astype(int)
        seen[colours @ [1 << 16, 1 << 8, 1]] = True
        return noisy

    evaluate(denoiser, load_pairs(f"folder:{tmp_path}"))
    assert seen.all()


def test_a_result_that_is_no_number_is_an_error(pair_folder):
    pairs = load_pairs(f"folder:{pair_folder}")
    with pytest.raises(CaseStudyError, match=r"scene0.*not numbers"):
        evaluate(lambda noisy: noisy * np.nan, pairs)


def test_a_clean_input_has_no_gain(tmp_path):
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        Image.new("RGB", (32, 32), (10, 20, 30)).save(tmp_path / part / "a.png")
    scores = evaluate(lambda noisy: noisy + 1 / 255, load_pairs(f"folder:{tmp_path}"))
    assert np.isinf(scores["noisy_psnr_db"].item()) and scores["gain_db"].isna().item()
    # An error of one level everywhere: 20 log10(255).
    assert scores["psnr_db"].item() == pytest.approx(48.13, abs=0.01)


def test_images_given_back_exactly_are_counted_and_in_no_mean(tmp_path):
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        for name, level in (("dark", 0), ("bright", 200)):
            Image.new("RGB", (32, 32), (level, level, level)).save(tmp_path / part / f"{name}.png")
    brighter = evaluate(
        lambda noisy: np.where(noisy > 0, noisy + 1 / 255, 0), load_pairs(f"folder:{tmp_path}")
    )
    summary = mean_scores(brighter).iloc[0]
    assert (summary["images"], summary["exact"]) == (2, 1)
    # An error of one level everywhere: 20 log10(255).
    assert summary["psnr_db"] == pytest.approx(48.13, abs=0.01)
    assert np.isinf(summary["noisy_psnr_db"]) and summary["ssim"] > 0.99


def test_means_are_told_by_camera_and_iso_where_known():
    pairs = [pair for pair in load_pairs("sample") if pair.scene == "cat"]
    scores = evaluate(half_way, pairs)
    by_camera = mean_scores(scores, ["camera"])
    assert by_camera["images"].tolist() == [3, 3]
    expected = scores[scores["camera"] == "simulated Pixel"]["psnr_db"].mean()
    assert by_camera.loc["simulated Pixel", "psnr_db"] == pytest.approx(expected)
    text = describe(scores)
    assert "simulated Nexus 6" in text and "3200" in text


def test_images_that_a_network_was_trained_on_are_left_out(pair_folder, capsys):
    name = f"folder:{pair_folder}"
    images = [pair.id for pair in load_pairs(name)]
    model = build("autoencoder", 0, filters=4)
    data = {"dataset": name, "images": images[:7], "scenes": images[:7]}
    manifest = {"identity": {"network": "autoencoder"}, "data": {"training": data}}
    scores = evaluate_network(model, manifest, name)
    assert scores["image"].tolist() == images[7:]
    told = capsys.readouterr().out
    assert "7 pairs are left out" in told and "flatters" not in told
    data["scenes"] = images[:8]
    evaluate_network(model, manifest, name)
    assert "1 of 3 pairs show scenes of which other pairs were in" in capsys.readouterr().out
    data["images"] = images
    with pytest.raises(CaseStudyError, match="all 10 pairs"):
        evaluate_network(model, manifest, name)


def test_an_image_smaller_than_the_window_of_ssim_is_named(tmp_path):
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        Image.new("RGB", (40, 10)).save(tmp_path / part / "tiny.png")
    with pytest.raises(CaseStudyError, match=r"tiny\.png is 40x10"):
        evaluate(half_way, load_pairs(f"folder:{tmp_path}"))


class TestSeenImages:
    def manifest(self, dataset, images, scenes):
        training = {"dataset": dataset, "images": images, "scenes": scenes}
        return {"identity": {"network": "ridnet"}, "data": {"training": training}}

    tested = pd.DataFrame({"image": ["a_1", "b_1"], "scene": ["a", "b"]})

    def test_images_of_the_same_dataset(self):
        refuse_seen(self.manifest("polyu", ["a_2"], ["a"]), self.tested, "polyu")
        with pytest.raises(CaseStudyError, match=r"trained on 1 of the images.*a_1"):
            refuse_seen(self.manifest("polyu", ["a_1"], ["a"]), self.tested, "polyu")

    def test_scenes_of_other_files_of_the_same_photographs(self):
        refuse_seen(self.manifest("polyu-frames", ["c"], ["c"]), self.tested, "polyu")
        with pytest.raises(CaseStudyError, match="such as b_1"):
            refuse_seen(self.manifest("polyu-frames, bsds500", ["c"], ["b"]), self.tested, "polyu")

    def test_images_of_an_earlier_training_that_this_one_went_on_from(self):
        later = self.manifest("folder:/own", ["x"], ["x"])
        refuse_seen(later, self.tested, "polyu")
        later["start"] = self.manifest("polyu-frames", ["c"], ["b"])
        with pytest.raises(CaseStudyError, match="such as b_1"):
            refuse_seen(later, self.tested, "polyu")

    def test_other_photographs_may_be_called_alike(self):
        refuse_seen(self.manifest("polyu", ["a_1"], ["a"]), self.tested, "folder:/own")
