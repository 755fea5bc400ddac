import numpy as np
import pytest

from casestudy.batches import PatchBatches, oriented
from casestudy.datasets import load_pairs
from casestudy.patches import cut_patches


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=32)


def test_an_epoch_shows_every_patch_once(patches):
    batches = PatchBatches(patches, batch_size=4)
    assert len(batches) == np.ceil(len(patches) / 4)
    noisy = np.concatenate([batches[i][0] for i in range(len(batches))])
    everything = patches.noisy(np.arange(len(patches)))
    assert sorted(noisy.sum(axis=(1, 2, 3))) == pytest.approx(
        sorted(everything.sum(axis=(1, 2, 3)))
    )
    assert noisy.dtype == np.float32 and noisy.min() >= 0 and noisy.max() <= 1


def test_epochs_differ_and_repeat_for_a_seed(patches):
    orders = []
    for _ in range(2):
        batches = PatchBatches(patches, seed=7)
        orders.append(batches.order.copy())
        batches.on_epoch_end()
        orders.append(batches.order.copy())
    np.testing.assert_array_equal(orders[0], orders[2])
    np.testing.assert_array_equal(orders[1], orders[3])
    assert (orders[0] != orders[1]).any()
    assert (PatchBatches(patches, seed=8).order != orders[0]).any()


def test_the_eight_orientations_differ_and_keep_the_pixels():
    image = np.arange(12).reshape(2, 2, 3)
    views = [oriented(image, number) for number in range(8)]
    assert len({view.tobytes() for view in views}) == 8
    for view in views:
        assert sorted(map(tuple, view.reshape(-1, 3))) == sorted(map(tuple, image.reshape(-1, 3)))


def test_augmentation_turns_both_images_alike(patches):
    """The clean ramp rises along one direction; noise of 20 levels does not hide which."""
    batches = PatchBatches(patches, batch_size=len(patches), augment=True, seed=1)
    noisy, clean = batches[0]
    for n, c in zip(noisy, clean, strict=True):
        for axis in (0, 1):
            rise = [np.diff(x.mean(axis=(1 - axis, 2)))[:].sum() for x in (n, c)]
            if abs(rise[1]) > 0.1:
                assert np.sign(rise[0]) == np.sign(rise[1])
    assert len({bool(c[0, 0, 0] > c[-1, -1, 0]) for c in clean}) == 2


def test_crops_are_squares_of_the_patch_at_the_same_place_in_both_images(patches):
    batches = PatchBatches(patches, batch_size=3, crop_size=16, shuffle=False)
    for noisy, clean, position in zip(*batches[0], range(3), strict=True):
        places = [
            (top, left)
            for top in range(17)
            for left in range(17)
            if np.array_equal(
                patches.noisy([position])[0][top : top + 16, left : left + 16], noisy
            )
        ]
        assert len(places) == 1
        top, left = places[0]
        expected = patches.clean([position])[0][top : top + 16, left : left + 16]
        np.testing.assert_array_equal(clean, expected)


def test_crops_move_from_epoch_to_epoch(patches):
    batches = PatchBatches(patches, batch_size=3, crop_size=16, shuffle=False)
    first = batches[0][0]
    np.testing.assert_array_equal(batches[0][0], first)
    batches.on_epoch_end()
    assert (batches[0][0] != first).any()


def test_a_crop_larger_than_the_patch_is_the_patch(patches):
    large, whole = (PatchBatches(patches, crop_size=size, shuffle=False) for size in (64, 0))
    np.testing.assert_array_equal(large[0], whole[0])
