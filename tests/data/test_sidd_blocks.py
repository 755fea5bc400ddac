import numpy as np
import pytest
from scipy import io

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import open_experiment
from casestudy.data.sets import sidd_blocks
from casestudy.models import build
from casestudy.results.whole_images import evaluate_network

NOISY, CLEAN = "ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two images of three blocks, else as official, in `sidd/` of a data root."""
    monkeypatch.setattr(sidd_blocks, "SHAPE", (2, 3, 256, 256, 3))
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    return write_blocks(tmp_path / "sidd", (2, 3, 256, 256, 3), True)


def write_blocks(folder, shape, compressed):
    folder.mkdir()
    rng = np.random.default_rng(0)
    # Each block has a level of its own, so that a wrong order shows.
    levels = np.arange(np.prod(shape[:2])).reshape(*shape[:2], 1, 1, 1) % 199
    clean = np.broadcast_to(levels, shape).astype(np.uint8)
    noisy = clean + rng.integers(0, 9, shape[2:], dtype=np.uint8)
    for name, blocks in ((NOISY, noisy), (CLEAN, clean)):
        io.savemat(folder / f"{name}.mat", {name: blocks}, do_compression=compressed)
    return folder


def test_the_official_files_are_1280_pairs_in_the_benchmarks_order(tmp_path, monkeypatch):
    """ID = 32 image + block; uint8 [40, 32, 256, 256, 3]."""
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    write_blocks(tmp_path / "sidd", (40, 32, 256, 256, 3), False)
    pairs = load_pairs("sidd-validation")
    assert len(pairs) == len({pair.id for pair in pairs}) == 1280
    assert {pair.part for pair in pairs} == {"test"}
    assert pairs[32 * 7 + 5].id == "07-05"
    for number in (0, 32 * 7 + 5, 1279):
        noisy, clean = pairs[number].load()
        assert noisy.shape == clean.shape == (256, 256, 3) == (*pairs[number].size(), 3)
        assert noisy.dtype == np.uint8 and (clean == number % 199).all()
        assert 0 < (noisy - clean).max() < 9


@pytest.mark.parametrize("place", [".", "sidd", "sidd/SIDD_Blocks", "downloads"])
def test_files_are_found_one_level_deeper_or_shallower(small, place):
    root = small.parent
    (root / place).mkdir(parents=True, exist_ok=True)
    for name in (NOISY, CLEAN):
        (small / f"{name}.mat").rename(root / place / f"{name}.mat")
    assert len(load_pairs("sidd-validation")) == 6


def test_evaluation_keeps_floats_and_takes_all_blocks(small):
    """Half a level is half a level: 20 log10(255 / 0.5), where rounding would give another."""
    model = build("autoencoder", 0, filters=4)
    truth = {pair.id: pair.load()[1] for pair in load_pairs("sidd-validation")}
    blocks = iter(truth.values())
    model.predict_on_batch = lambda noisy: (next(blocks)[None] + np.float32(0.5)) / 255
    scores = evaluate_network(model, {"data": {}}, "sidd-validation")
    assert scores["image"].tolist() == list(truth)
    np.testing.assert_allclose(scores["psnr_db"], 20 * np.log10(510), atol=1e-3)
    assert {"ssim", "ssim_volume", "noisy_ssim", "noisy_ssim_volume"} <= set(scores.columns)


@pytest.mark.parametrize("options", [{}, {"max_pairs": 4}, {"protocol": "article"}])
def test_an_experiment_leads_to_evaluation(small, tmp_path, cache, options):
    """There is nothing to train on; told before anything is cut into patches."""
    before = set((cache / "patches").glob("*"))
    with pytest.raises(
        CaseStudyError, match="casestudy evaluate ridnet --dataset sidd-validation"
    ):
        open_experiment("sidd-validation", str(tmp_path / "run"), **options)
    assert set((cache / "patches").glob("*")) == before


def test_a_missing_file_is_named(small):
    (small / f"{CLEAN}.mat").unlink()
    with pytest.raises(CaseStudyError, match=rf"{CLEAN}\.mat is not in .*sidd/"):
        load_pairs("sidd-validation")


@pytest.mark.parametrize(
    ("variable", "blocks", "held"),
    [
        ("x", np.zeros((2, 3, 256, 256, 3), np.uint8), "x (uint8"),
        (CLEAN, np.zeros((2, 3, 256, 256), np.uint8), "uint8, 2x3x256x256)"),
        (CLEAN, np.zeros((2, 3, 256, 256, 3), np.float32), "single, 2x3"),
    ],
)
def test_a_wrong_variable_shape_or_type_is_named(small, variable, blocks, held):
    io.savemat(small / f"{CLEAN}.mat", {variable: blocks})
    with pytest.raises(CaseStudyError) as caught:
        load_pairs("sidd-validation")
    assert f"{CLEAN}.mat holds" in str(caught.value).replace(str(small) + "/", "")
    assert held.split(",")[0] in str(caught.value)
    assert f"expected is {CLEAN} (uint8, 2x3x256x256x3)" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 100, 500, 0.6])
def test_a_file_that_is_cut_off_is_named_and_nothing_is_kept(small, cache, kept):
    file = small / f"{CLEAN}.mat"
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    before = set((cache / "blocks").glob("*.npy"))
    with pytest.raises(CaseStudyError, match=rf"{CLEAN}\.mat .*cut off.*again"):
        load_pairs("sidd-validation")[0].load()
    new = set((cache / "blocks").glob("*.npy")) - before
    assert not [path for path in new if CLEAN in path.name]


def test_a_page_instead_of_the_file_is_named(small):
    (small / f"{NOISY}.mat").write_bytes(b"<html>moved</html>" * 50)
    with pytest.raises(CaseStudyError, match=rf"{NOISY}\.mat is not a MATLAB file"):
        load_pairs("sidd-validation")
