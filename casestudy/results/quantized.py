"""What quantization costs and saves: quality, time, size and memory of each variant."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from casestudy.data.patches import Patches
from casestudy.denoising.convert import KINDS, block_names, calibrate, to_floats, to_int8
from casestudy.denoising.litert import litert_denoiser, litert_file
from casestudy.denoising.peak_memory import peak_memory_mb
from casestudy.denoising.tiles import TILE, network_denoiser
from casestudy.models import NETWORKS
from casestudy.results.metrics import score, score_in_turns


def variants_of(network: str, kinds: Iterable[str] = KINDS) -> dict[str, Path | None]:
    """Return LiteRT files of a released network by the names of variants.

    The first variant is "Keras", without a file. See `litert_file`.
    """
    return {"Keras": None} | {f"LiteRT {kind}": litert_file(network, kind) for kind in kinds}


def measure_variants(
    model: keras.Model, files: Mapping[str, Path | None], patches: Patches
) -> pd.DataFrame:
    """Denoise patches by all variants of a released network, one patch at a time, in turns.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.load`.
    files : mapping of str to Path or None
        From `variants_of`.
    patches : Patches

    Returns
    -------
    DataFrame
        By variant: size_mb, psnr_db (over patches that no variant restores exactly), lost_db
        (compared with the first variant), ssim, seconds_per_megapixel (median over
        patches) and times_as_fast (as the first variant).
    """
    denoisers = {
        name: (litert_denoiser(file, model.name) if file else network_denoiser(model), 1)
        for name, file in files.items()
    }
    scores = score_in_turns(denoisers, patches)
    table = pd.DataFrame(
        {
            "size_mb": {
                name: (file.stat().st_size if file else model.count_params() * 4) / 1e6
                for name, file in files.items()
            },
            "psnr_db": _mean_psnr_db(scores),
            "ssim": {name: table["ssim"].mean() for name, table in scores.items()},
            "seconds_per_megapixel": seconds_per_megapixel(scores),
        }
    ).loc[list(files)]
    first = table.iloc[0]
    table.insert(2, "lost_db", first["psnr_db"] - table["psnr_db"])
    speed = first["seconds_per_megapixel"] / table["seconds_per_megapixel"]
    table.insert(5, "times_as_fast", speed)
    return table.rename_axis("variant")


def peak_memory(network: str, files: Mapping[str, Path | None]) -> pd.Series:
    """Return by variant the peak memory in MB of a process that denoises one tile with it.

    Parameters
    ----------
    network : str
        A released network.
    files : mapping of str to Path or None
        From `variants_of`.
    """
    # Two at a time: a process does little but load libraries, on one core.
    with ThreadPoolExecutor(2) as pool:
        peaks = pool.map(lambda file: peak_memory_mb(network, file, TILE), files.values())
        return pd.Series(dict(zip(files, peaks, strict=True)), name="peak memory, MB")


def in_words(variants: pd.DataFrame, network: str) -> str:
    """Return what 8 bits do to a network, as Markdown.

    Parameters
    ----------
    variants : DataFrame
        From `measure_variants`.
    network : str
        Its name in `NETWORKS`.
    """
    floats, ours = variants.iloc[0], variants.loc["LiteRT int8"]
    times = ours["times_as_fast"]
    speed = (
        f"is {times:.1f} times as fast" if times >= 1 else f"takes {1 / times:.1f} times as long"
    )
    lost = f"{ours['lost_db']:.2f} dB" if ours["lost_db"] >= 0.005 else "no quality"
    return (
        f"In 8 bits, **{NETWORKS[network].title} {speed}** as in floats by Keras: "
        f"{ours['seconds_per_megapixel']:.2g} seconds per megapixel on this machine. Its file has "
        f"{ours['size_mb']:.2f} MB instead of {floats['size_mb']:.2f}, and it loses "
        f"{lost}."
    )


def _mean_psnr_db(scores: Mapping[str, pd.DataFrame]) -> pd.Series:
    psnr_db = pd.DataFrame({name: table["psnr_db"] for name, table in scores.items()})
    return psnr_db[np.isfinite(psnr_db).all(axis=1)].mean()


def seconds_per_megapixel(scores: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return the median time of each variant, by scores from `score_in_turns`."""
    return pd.Series(
        {name: (s["seconds"] / s["megapixels"]).median() for name, s in scores.items()}
    )


def sensitivity(
    model: keras.Model, calibration: Sequence[np.ndarray], patches: Patches
) -> pd.DataFrame:
    """Return the PSNR lost when a single block of a network computes in 8-bit integers.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    calibration : sequence of ndarray, shape (N, H, W, 3), float32 in [0, 1]
        See `convert`.
    patches : Patches
        To compare on; never those that the network is tested on.

    Returns
    -------
    DataFrame
        One row per block, in the order of the network, except for a last one that always stays in
        floats: block, lost_db (mean PSNR in floats minus mean PSNR with this block in 8 bits).
    """

    def scored(content: bytes) -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.tflite"
            file.write_bytes(content)
            return score(model.name, litert_denoiser(file, model.name), patches, 1)

    in_floats, blocks = to_floats(model), block_names(model)
    measured, scores = calibrate(in_floats, calibration), {"floats": scored(in_floats)}
    for block in tqdm(blocks, desc="blocks in 8 bits", leave=False, disable=None):
        others = [other for other in blocks if other != block]
        scores[block] = scored(to_int8(model, in_floats, measured, others))
    psnr_db = _mean_psnr_db(scores)
    lost_db = psnr_db["floats"] - psnr_db[blocks]
    return lost_db.rename("lost_db").rename_axis("block").reset_index()
