"""Scores of a network on whole images of any dataset, without those it was trained on."""

import itertools
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.catalogue import Pair, record
from casestudy.data.patches import split_pairs
from casestudy.denoising.tiles import Denoiser, network_denoiser
from casestudy.files.folders import own_folder
from casestudy.results.lpips import lpips
from casestudy.results.metrics import psnr, score_batch, ssim, ssim_volume
from casestudy.training.manifest import seen, seen_scenes

WHOLE = 1_000_000  # pixels; larger images are scored on squares, which any memory holds
SQUARE = 512  # px
SMALLEST = 31  # px, what LPIPS needs

_COMPARED = {"psnr_db": psnr, "ssim": ssim, "ssim_volume": ssim_volume, "lpips": lpips}
MEASURES = [
    "noisy_psnr_db",
    "psnr_db",
    "gain_db",
    "noisy_ssim",
    "ssim",
    "noisy_ssim_volume",
    "ssim_volume",
    "noisy_lpips",
    "lpips",
]


def evaluate_network(
    model: keras.Model, manifest: dict[str, object], dataset: str
) -> pd.DataFrame:
    """Return the scores of a trained network on images that it was not trained on.

    The images are those of `pairs_to_test`.

    Parameters
    ----------
    model : keras.Model
    manifest : dict
        That of its training.
    dataset : str
        See `casestudy.data.catalogue.record`.

    Returns
    -------
    DataFrame
        See `evaluate`.

    Raises
    ------
    CaseStudyError
        If the network was trained on all of them; if the dataset is missing.
    """
    pairs = unseen_pairs(model.name, manifest, dataset)
    return evaluate(network_denoiser(model), pairs, rounded=record(dataset).rounded)


def pairs_to_test(dataset: str) -> list[Pair]:
    """Return the test part of a named dataset, with the default split, or all pairs of a folder.

    Raises
    ------
    CaseStudyError
        If the dataset is missing.
    """
    pairs = record(dataset).load()
    if own_folder(dataset) or all(pair.part == "test" for pair in pairs):
        return pairs
    return split_pairs(pairs)[2]


def unseen_pairs(network: str, manifest: dict[str, object], dataset: str) -> list[Pair]:
    """Return those of `pairs_to_test` that a network was not trained on; print how many it was.

    Parameters
    ----------
    network : str
        What messages call it.
    manifest, dataset
        See `evaluate_network`, also for errors.
    """
    pairs = pairs_to_test(dataset)
    tested = pd.DataFrame({"image": [p.id for p in pairs], "scene": [p.scene for p in pairs]})
    known = seen(manifest, tested, dataset)
    unseen = [pair for pair, is_known in zip(pairs, known, strict=True) if not is_known]
    if not unseen:
        raise CaseStudyError(
            f"{dataset}: {network} was trained on all {len(pairs)} pairs to test on."
        )
    if len(unseen) < len(pairs):
        print(
            f"{dataset}: {len(pairs) - len(unseen)} pairs are left out: {network} was trained on "
            "them."
        )
    scenes = seen_scenes(manifest, dataset)
    if siblings := sum(pair.scene in scenes for pair in unseen):
        print(
            f"{dataset}: {siblings} of {len(unseen)} pairs show scenes of which other pairs were "
            f"in {network}'s training, as after a split by image; that flatters it."
        )
    return unseen


def evaluate(denoiser: Denoiser, pairs: Sequence[Pair], rounded: bool = True) -> pd.DataFrame:
    """Denoise whole images and compare them with the clean ones.

    PSNR and SSIM are per RGB image. Images of more than `WHOLE` pixels, both sides of at least
    `SQUARE`, are scored on squares that cover them, each a row; where they must, squares overlap.

    Parameters
    ----------
    denoiser : Denoiser
    pairs : sequence of Pair
    rounded : bool
        Round results to 8 bits, as benchmarks of PolyU do. Papers on SIDD keep floats.

    Returns
    -------
    DataFrame
        One row per image or square: image, scene, camera, iso, part (number of the square),
        noisy_psnr_db, psnr_db, gain_db, noisy_ssim, ssim, noisy_ssim_volume, ssim_volume (see
        `casestudy.results.metrics`), noisy_lpips, lpips. Where the noisy image equals the clean
        one, noisy_psnr_db is infinite and gain_db missing.

    Raises
    ------
    CaseStudyError
        If an image cannot be read or is smaller than `SMALLEST`, or its result holds values
        that are not numbers. The message names the image.
    """
    rows = []
    for pair in tqdm(pairs, desc="evaluating", unit="image", leave=False, disable=None):
        facts = {"image": pair.id, "scene": pair.scene, "camera": pair.camera, "iso": pair.iso}
        for number, (noisy, clean) in enumerate(_parts(pair)):
            (after,) = score_batch(
                str(pair), denoiser, noisy[None], clean[None], rounded, _COMPARED
            )
            before = {f"noisy_{name}": of(clean, noisy) for name, of in _COMPARED.items()}
            rows.append(facts | {"part": number} | before | after)
    scores = pd.DataFrame(rows).astype({"iso": "Int64"})
    gain = scores["psnr_db"] - scores["noisy_psnr_db"].replace(np.inf, np.nan)
    return scores.assign(gain_db=gain)[[*facts, "part", *MEASURES]]


def mean_scores(scores: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return means over all images, or over those of each camera, ISO setting or scene.

    Parameters
    ----------
    scores : DataFrame
        From `evaluate`. The squares of a large image count as one image.
    by : sequence of {"camera", "iso", "scene"}

    Returns
    -------
    DataFrame
        One row per group: images, their number; exact, how many of them were restored exactly
        (their PSNR is infinite and left out of the means); and the means of `MEASURES`.
    """
    keys = ["image", "scene", "camera", "iso"]
    # A measure that is infinite everywhere, such as the PSNR of inputs without noise, stays so.
    infinite = np.isinf(scores[MEASURES])
    finite = scores[keys].join(scores[MEASURES].mask(infinite & ~infinite.all()))
    images = finite.groupby(keys, dropna=False, sort=False)[MEASURES].mean().reset_index()
    images.insert(0, "exact", np.isinf(images["psnr_db"]) | images["psnr_db"].isna())
    groups = images.groupby(list(by) or np.zeros(len(images)), dropna=False)
    means = groups[MEASURES].mean()
    means.insert(0, "images", groups.size())
    means.insert(1, "exact", groups["exact"].sum())
    return means if by else means.reset_index(drop=True)


def describe(scores: pd.DataFrame) -> str:
    """Return means over all images, and by camera and ISO setting where known, as text."""
    tables = [mean_scores(scores)]
    tables += [
        mean_scores(scores, [key]) for key in ("camera", "iso") if scores[key].nunique() > 1
    ]
    return "\n\n".join(
        table.to_string(index=table.index.name is not None, float_format="{:.3f}".format)
        for table in tables
    )


def _parts(pair: Pair) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield noisy and clean image, float32 in [0, 1], whole or in squares."""
    noisy, clean = (image / np.float32(255) for image in pair.load())
    height, width = noisy.shape[:2]
    if min(height, width) < SMALLEST:
        raise CaseStudyError(
            f"{pair} is {width}x{height} pixels; LPIPS needs {SMALLEST}. Remove the pair."
        )
    if height * width <= WHOLE or min(height, width) < SQUARE:
        yield noisy, clean
        return
    tops, lefts = (
        np.linspace(0, side - SQUARE, -(-side // SQUARE)).round().astype(int)
        for side in (height, width)
    )
    for top, left in itertools.product(tops, lefts):
        square = np.s_[top : top + SQUARE, left : left + SQUARE]
        yield noisy[square], clean[square]
