"""Crops of SIDD and RENOIR, clean photographs and Kodak, as they lie in the data root."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from casestudy import CaseStudyError
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import split_pairs
from casestudy.data.sets import kodak, renoir_crops, sidd_crops
from casestudy.files.folders import data_root

KODAK = ["kodak", *(each.name for each in kodak.NOISY)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CASESTUDY_DATA", str(tmp_path))
    return tmp_path


def write(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12), (level, level, level)).save(path)


@pytest.fixture
def sidd(root):
    """The crops to test and to validate on, and two to train on; the noisy ones are darker."""
    names = {"sample": sidd_crops.SCENES, "train": [*sidd_crops.VALIDATION, "val_0000", "danet"]}
    for part, crops in names.items():
        for name in crops:
            write(root / "sidd-crops" / part / f"{name}_noisy.png", 100)
            write(root / "sidd-crops" / part / f"{name}_gt.png", 200)
    return root / "sidd-crops"


@pytest.fixture
def renoir(root):
    """Scene 1 in two crops, one of which is not sound; 28 to validate on; 3 to test on."""
    rows = [
        ("r512_01", 1, "train", "yes"),
        ("r545_01", 1, "train", "check"),
        ("r512_28", 28, "train", "yes"),
        ("r512_03", 3, "test", "yes"),
        ("r545_03", 3, "test", "check"),
    ]
    table = pd.DataFrame(rows, columns=["name", "scene", "part", "sound"])
    for name, _, part, _ in rows:
        write(root / "renoir" / part / f"{name}_noisy.png", 100)
        write(root / "renoir" / part / f"{name}_gt.png", 200)
    table.to_csv(root / "renoir" / "pairs.csv", index=False)
    return root / "renoir"


def scenes(dataset):
    return [{pair.scene for pair in part} for part in split_pairs(load_pairs(dataset))]


def assert_dark_is_noisy(dataset):
    for pair in load_pairs(dataset):
        noisy, clean = pair.load()
        assert (noisy == 100).all() and (clean == 200).all()


class TestSidd:
    def test_is_split_by_scene(self, sidd):
        train, validation, test = scenes("sidd-crops")
        assert train == {"danet", "val_0000"} and validation == sidd_crops.VALIDATION
        assert test == {"bottle", "chess", "mug", "pens", "pepper", "scrabble"}
        assert_dark_is_noisy("sidd-crops")

    def test_missing_says_where_it_belongs(self, root):
        with pytest.raises(CaseStudyError, match=r"not in .*sidd-crops\. Set CASESTUDY_DATA"):
            load_pairs("sidd-crops")

    def test_a_file_without_partner_is_named(self, sidd):
        (sidd / "train" / "danet_gt.png").unlink()
        with pytest.raises(CaseStudyError, match=r"danet_noisy\.png\. Add the other half"):
            load_pairs("sidd-crops")


class TestRenoir:
    def test_is_split_by_scene_and_trains_on_what_is_sound(self, renoir):
        pairs = {pair.id: pair for pair in load_pairs("renoir-crops")}
        assert list(pairs) == ["r512_01", "r512_03", "r512_28", "r545_03"]
        train, validation, test = scenes("renoir-crops")
        assert train == {"T3i_Batch_001"} and test == {"T3i_Batch_003"}
        assert validation == {"T3i_Batch_028"}
        assert_dark_is_noisy("renoir-crops")

    def test_missing_says_where_it_belongs(self, root):
        with pytest.raises(CaseStudyError, match=r"renoir/pairs\.csv is not there\. Set CASEST"):
            load_pairs("renoir-crops")

    def test_a_missing_crop_is_named(self, renoir):
        (renoir / "test" / "r512_03_gt.png").unlink()
        with pytest.raises(CaseStudyError, match=r"r512_03_gt\.png is not there.*Copy it again"):
            load_pairs("renoir-crops")

    def test_the_crops_that_are_there_share_no_scene_between_parts(self):
        if not (data_root() / renoir_crops.TABLE).is_file():
            pytest.skip("the crops of RENOIR are not under the data root")
        train, validation, test = scenes("renoir-crops")
        assert not train & validation and not test & (train | validation)


class TestClean:
    def test_holds_each_photograph_twice_and_nothing_else(self, root):
        for level, name in enumerate(("b.jpg", "a.PNG")):
            write(root / "clean" / name, level)
        (root / "clean" / "notes.txt").touch()
        pairs = load_pairs("clean")
        assert [(pair.id, pair.scene, pair.part) for pair in pairs] == [
            ("a", "a", None),
            ("b", "b", None),
        ]
        noisy, clean = pairs[0].load()
        np.testing.assert_array_equal(noisy, clean)

    def test_missing_says_where_it_belongs(self, root):
        with pytest.raises(CaseStudyError, match=r"/clean holds no photographs.*CASESTUDY_DATA"):
            load_pairs("clean")


class TestKodak:
    @pytest.mark.parametrize("name", KODAK)
    def test_is_whole_and_to_test_on(self, root, name):
        for number in range(24):
            write(root / "kodak24" / f"{number + 1:02d}.png")
        pairs = load_pairs(name)
        assert [pair.scene for pair in pairs] == [f"{number + 1:02d}" for number in range(24)]
        assert {pair.part for pair in pairs} == {"test"}

    @pytest.mark.parametrize("name", KODAK)
    def test_missing_says_where_it_belongs(self, root, name):
        with pytest.raises(CaseStudyError, match=r"kodak24 holds no photographs.*CASESTUDY_DATA"):
            load_pairs(name)

    def test_a_part_of_it_is_not_taken_for_it(self, root):
        write(root / "kodak24" / "01.png")
        with pytest.raises(CaseStudyError, match=r"holds 1 of 24 photographs.*put 01\.png"):
            load_pairs("kodak-white25")
