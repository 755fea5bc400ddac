import io

import numpy as np
import pytest
from PIL import Image

from casestudy.data.batches import UNKNOWN, PatchBatches, Source, oriented
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches


@pytest.fixture
def patches(pair_folder):
    name = f"folder:{pair_folder}"
    return cut_patches(name, load_pairs(name), size=32)


def shown(batches):
    return np.concatenate([batches[i][0] for i in range(len(batches))])


def test_validation_shows_every_patch_once_in_order(patches):
    batches = PatchBatches(patches, batch_size=7)
    noisy = shown(batches)
    np.testing.assert_array_equal(noisy, patches.noisy(np.arange(len(patches))))
    assert noisy.dtype == np.float32 and noisy.min() >= 0 and noisy.max() <= 1


def test_an_epoch_of_training_shows_every_patch_once_but_for_half_a_batch(patches):
    batches = PatchBatches(patches, batch_size=7, training=True)
    assert len(batches) == len(patches) // 7 and len(patches) % 7
    # Flips and turns keep the sum of a patch.
    sums = shown(batches).sum(axis=(1, 2, 3))
    everything = patches.noisy(np.arange(len(patches))).sum(axis=(1, 2, 3))
    assert len(np.unique(sums.round(2))) == len(batches) * 7
    assert all(np.isclose(total, everything, rtol=1e-5).any() for total in sums)


def test_epochs_differ_and_repeat_for_a_seed(patches):
    batches = PatchBatches(patches, batch_size=4, training=True, seed=7)
    again = PatchBatches(patches, batch_size=4, training=True, seed=7)
    other = PatchBatches(patches, batch_size=4, training=True, seed=8)
    first, second = (shown(batches.part(epoch)) for epoch in (0, 1))
    np.testing.assert_array_equal(shown(again.part(1)), second)
    np.testing.assert_array_equal(shown(again), first)
    assert (first != second).any() and (shown(other) != first).any()


def test_a_part_of_an_epoch_holds_the_batches_that_the_whole_one_has_there(patches):
    whole = PatchBatches(patches, batch_size=4, crop_size=16, training=True, seed=3).part(5)
    part = PatchBatches(patches, batch_size=4, crop_size=16, training=True, seed=3).part(5, 2)
    assert len(part) == len(whole) - 2
    for index in range(3):
        for images, expected in zip(part[index], whole[index + 2], strict=True):
            np.testing.assert_array_equal(images, expected)


def test_the_eight_orientations_differ_and_keep_the_pixels():
    image = np.arange(12).reshape(2, 2, 3)
    views = [oriented(image, number) for number in range(8)]
    assert len({view.tobytes() for view in views}) == 8
    for view in views:
        assert sorted(map(tuple, view.reshape(-1, 3))) == sorted(map(tuple, image.reshape(-1, 3)))


def test_augmentation_turns_both_images_alike(patches):
    """The clean ramp rises along one direction; noise of 20 levels does not hide which."""
    batches = PatchBatches(patches, batch_size=len(patches), training=True, seed=1)
    noisy, clean = batches[0]
    for n, c in zip(noisy, clean, strict=True):
        for axis in (0, 1):
            rise = [np.diff(x.mean(axis=(1 - axis, 2)))[:].sum() for x in (n, c)]
            if abs(rise[1]) > 0.1:
                assert np.sign(rise[0]) == np.sign(rise[1])
    assert len({bool(c[0, 0, 0] > c[-1, -1, 0]) for c in clean}) == 2


def test_crops_are_squares_of_the_patch_at_the_same_place_in_both_images(patches):
    batches = PatchBatches(patches, batch_size=3, crop_size=16)
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
    batches = PatchBatches(patches, batch_size=3, crop_size=16)
    first = batches[0][0]
    np.testing.assert_array_equal(batches[0][0], first)
    assert (batches.part(1)[0][0] != first).any()


def test_a_crop_larger_than_the_patch_is_the_patch(patches):
    large, whole = (PatchBatches(patches, crop_size=size) for size in (64, 0))
    np.testing.assert_array_equal(large[0], whole[0])


def test_every_batch_has_the_given_share_under_simulated_noise(patches):
    """Real noise here has 20 levels on a clean ramp; a simulated camera develops the clean image
    again, in as much light or less."""
    position = np.arange(len(patches))
    for share in (0.0, 0.5, 1.0):
        batches = PatchBatches(patches, len(patches), sources=[Source(patches, share, "camera")])
        own = (batches[0][0] == patches.noisy(position)).all(axis=(1, 2, 3))
        assert own.mean() == 1 - share
        lighter = (batches[0][1] - patches.clean(position)).mean(axis=(1, 2, 3))
        assert lighter.max() < 0.02
        assert (lighter < -0.02).mean() > 0.5 * share if share else np.all(lighter == 0)


def test_a_share_of_less_than_a_patch_holds_on_average(patches):
    batches = PatchBatches(
        patches, 2, crop_size=16, training=True, sources=[Source(patches, 0.2, "camera")]
    )
    simulated = []
    for epoch in range(8):
        for noisy, clean in batches.part(epoch):
            # Real noise of 20 levels, in every patch; hardly any random camera has as much.
            simulated += [np.std(n - c) < 15 / 255 for n, c in zip(noisy, clean, strict=True)]
    assert np.mean(simulated) == pytest.approx(0.2, abs=0.08)


def test_simulated_captures_come_from_the_given_photographs(patches, tmp_path):
    for part in ("noisy", "clean"):
        (tmp_path / part).mkdir()
        for n in range(3):
            image = np.full((64, 64, 3), (60, 120, 180), np.uint8)
            Image.fromarray(image).save(tmp_path / part / f"{n}.png")
    colours = cut_patches("colours", load_pairs(f"folder:{tmp_path}"), size=64)
    batches = PatchBatches(
        patches, 16, crop_size=16, training=True, sources=[Source(colours, 0.5, "camera")]
    )
    clean = batches[0][1]
    gray = np.ptp(clean, axis=-1).max(axis=(1, 2)) < 0.01
    assert gray.sum() == 8
    red, green, blue = clean[~gray].mean(axis=(1, 2)).T * 255  # in `noise.random_light`
    assert np.all(red < green) and np.all(green < blue)
    assert np.all(green < 120 + 8)


def flat(folder, name, noisy, clean):
    """Return one patch of two even images."""
    for part, level in (("noisy", noisy), ("clean", clean)):
        (folder / name / part).mkdir(parents=True)
        image = np.full((64, 64, 3), level, np.uint8)
        Image.fromarray(image).save(folder / name / part / "even.png")
    return cut_patches(name, load_pairs(f"folder:{folder / name}"), size=64)


def test_each_source_has_its_share_and_its_noise(patches, tmp_path):
    """Real pairs of 10 on 20 levels, a clean 60 that stays, and a clean 200 under a mixture."""
    sources = [
        Source(flat(tmp_path, "own", 10, 20), 0.25),
        Source(flat(tmp_path, "none", 0, 60), 0.1, "none"),
        Source(flat(tmp_path, "mixture", 0, 200), 0.4, "mixture"),
    ]
    batches = PatchBatches(patches, 8, crop_size=32, training=True, sources=sources)
    found = []
    for epoch in range(40):
        for noisy, clean in batches.part(epoch):
            for n, c in zip(np.round(noisy * 255), np.round(clean * 255), strict=True):
                even = np.ptp(c) == 0
                kind = {20: "own", 60: "none", 200: "mixture"}.get(c[0, 0, 0]) if even else "rest"
                found.append(kind)
                if kind in ("own", "none"):
                    assert (n == {"own": 10, "none": 60}[kind]).all()
                elif kind == "mixture":
                    assert np.ptp(n) > 0
    for kind, share in {"own": 0.25, "none": 0.1, "mixture": 0.4, "rest": 0.25}.items():
        assert found.count(kind) / len(found) == pytest.approx(share, abs=0.02)


def test_some_simulated_captures_stay_without_noise(patches):
    batches = PatchBatches(
        patches,
        8,
        crop_size=16,
        training=True,
        sources=[Source(patches, 1.0, "camera")],
        level_maps=True,
    )
    untouched = []
    for epoch in range(12):
        for noisy, target in batches.part(epoch):
            same = (noisy == target["denoised"]).all(axis=(1, 2, 3))
            assert (target["noise_level_map"][same] == 0).all()
            untouched += list(same)
    assert np.mean(untouched) == pytest.approx(1 / 8, abs=0.04)


def test_patches_that_are_compressed_again_lose_fine_colour_in_both_images(patches):
    """JPEG halves the resolution of colour: of neighbours' differences in Cb, little is left."""

    def fine_colour(images):
        blue = images @ np.float32([-0.168736, -0.331264, 0.5])  # Cb of JPEG (JFIF 1.02)
        return np.abs(np.diff(blue, axis=2)).mean(axis=(1, 2))

    for share in (0.0, 0.5, 1.0):
        again = []
        for epoch in range(12):
            batches = PatchBatches(patches, 8, 16, training=True, recompressed_share=share)
            for noisy, clean in batches.part(epoch):
                again += list(fine_colour(noisy) < 0.5 * fine_colour(patches.noisy([0])).mean())
                assert np.abs(noisy - clean).mean() < 0.1
        assert np.mean(again) == pytest.approx(share, abs=0.06)


def compressed_by_pillow(image, quality):
    file = io.BytesIO()
    levels = np.round(image * 255).astype(np.uint8)
    Image.fromarray(levels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file)) / np.float32(255)


def test_half_are_compressed_again_at_quality_75_and_others_at_one_of_60_to_100(patches):
    first = patches.take(np.arange(1))
    known = [
        np.stack([compressed_by_pillow(part([0])[0], quality) for quality in range(101)])
        for part in (first.noisy, first.clean)
    ]
    batches = PatchBatches(first, recompressed_share=1.0)
    found = []
    for epoch in range(800):
        noisy, clean = (images[0] for images in batches.part(epoch)[0])
        difference = np.abs(known[0] - noisy).mean(axis=(1, 2, 3))
        quality = difference.argmin()
        assert difference[quality] < 0.5 / 255
        assert np.abs(known[1][quality] - clean).mean() < 0.1 / 255
        found.append(quality)
    found = np.array(found)
    assert (found == 75).mean() == pytest.approx(0.5 + 0.5 / 41, abs=0.05)
    others = found[found != 75]
    assert others.min() == 60 and others.max() == 100
    assert np.mean(others) == pytest.approx(80, abs=2)


def test_the_blocks_of_patches_that_are_compressed_again_begin_anywhere(patches):
    """Crops are parts of the whole patch as Pillow compresses it, half of them at quality 75."""
    first = patches.take(np.arange(1))
    whole = compressed_by_pillow(first.noisy([0])[0], 75)
    parts = np.lib.stride_tricks.sliding_window_view(whole, (16, 16), axis=(0, 1))
    batches = PatchBatches(first, crop_size=16, recompressed_share=1.0)
    places = []
    for epoch in range(400):
        crop = batches.part(epoch)[0][0][0].transpose(2, 0, 1)
        difference = np.abs(parts - crop).mean(axis=(2, 3, 4))
        if difference.min() < 0.5 / 255:
            places.append(np.unravel_index(difference.argmin(), difference.shape))
    assert len(places) > 0.4 * 400
    for starts in np.transpose(places):
        assert set(starts % 16) == set(range(16))


def test_clean_patches_get_the_exposure_of_the_noisy_ones(tmp_path):
    """A lamp that flickers: 9 levels darker in the noisy shot, and redder by 4."""
    rng = np.random.default_rng(0)
    clean = np.full((64, 64, 3), 120) + np.linspace(-20, 20, 64)[:, None, None]
    noisy = clean + rng.normal(0, 3, clean.shape) + [-5, -9, -9]
    for part, image in (("noisy", noisy), ("clean", clean)):
        (tmp_path / part).mkdir()
        Image.fromarray(image.round().astype(np.uint8)).save(tmp_path / part / "a.png")
    name = f"folder:{tmp_path}"
    patches = cut_patches(name, load_pairs(name), size=64)
    for share in (0.0, 1.0):
        for matched, expected in ((False, [-5, -9, -9]), (True, [0, 0, 0])):
            batches = PatchBatches(
                patches, 1, training=True, recompressed_share=share, exposure_matched=matched
            )
            noisy, clean = batches[0]
            difference = 255 * (noisy - clean).mean(axis=(0, 1, 2))
            assert difference == pytest.approx(expected, abs=1)  # JPEG rounds colours
            assert (noisy - clean).std() * 255 > 1  # the noise is still there


def test_level_maps_are_unknown_for_real_noise_and_known_for_simulated(patches):
    batches = PatchBatches(patches, batch_size=4, crop_size=16, level_maps=True)
    assert (batches[0][1]["noise_level_map"] == UNKNOWN).all()
    batches = PatchBatches(
        patches, 4, crop_size=16, level_maps=True, sources=[Source(patches, 1.0, "camera")]
    )
    noisy, target = batches[0]
    levels = target["noise_level_map"]
    assert levels.shape == noisy.shape and levels.dtype == np.float32
    disturbed = (noisy != target["denoised"]).any(axis=(1, 2, 3))
    assert disturbed.any() and (levels[disturbed] > 0).all()


def test_the_level_map_of_a_sample_capture_is_as_strong_as_its_noise():
    """Root mean square of noise and map over patches of each ISO, JPEG's smoothing included."""
    pairs = [pair for pair in load_pairs("sample") if pair.scene in ("astronaut", "coffee")]
    patches = cut_patches("sample", pairs, size=128)
    strong = patches.take(np.flatnonzero(patches.table["iso"] == 3200))
    noisy, target = PatchBatches(strong, batch_size=len(strong), level_maps=True)[0]
    measured = np.sqrt(np.mean((noisy - target["denoised"]) ** 2))
    predicted = np.sqrt(np.mean(target["noise_level_map"] ** 2))
    assert measured == pytest.approx(predicted, rel=0.2)
