"""Differences between the two images of a pair that are not noise.

Two kinds of pair would teach a network something other than noise: images that differ in
brightness or colour, and images that are shifted. Both are judged on averages that noise hardly
moves. The limits come from real data: PolyU's 100 crops, whose light flickers and whose camera
moves a little, stay below all of them.
"""

import cv2
import numpy as np

# Levels of 255. PolyU's crops reach 4.7 and 3.9, its frame SonyA7II_compu 13.7 in the second.
MAX_GLOBAL_CHANGE = 5.0
MAX_LOCAL_CHANGE = 7.0

# Pixels. PolyU's crops reach 0.6; its frames 0.83, but Nikon800_stair 1.3.
MAX_SHIFT = 0.9

# Correlation of block means; photographs of different things are below.
MIN_CORRELATION = 0.5

BLOCK = 32  # px; the mean of a block is nearly free of noise
MIN_BLOCKS = 8  # fewer are too few to judge by
MIN_SIDE = 16  # px, to look for a shift in


def judge(noisy: np.ndarray, clean: np.ndarray) -> list[tuple[str, str]]:
    """Return a difference between the two images of a pair that is not noise.

    Images of fewer than `MIN_BLOCKS` blocks without clipping are not judged.

    Parameters
    ----------
    noisy, clean : ndarray, shape (H, W, 3), uint8
        RGB.

    Returns
    -------
    list of (kind, advice)
        Empty for a sound pair, else the one difference to deal with first.
    """
    if correlation(noisy, clean) < MIN_CORRELATION:
        return [("content", "The two images show different things. Pair the right files.")]
    x, y = shift(noisy, clean)
    if (x, y) != (0, 0):  # which would move the means of blocks as well
        advice = f"The noisy image is shifted by about ({x:.1f}, {y:.1f}) px. Align or leave out."
        return [("shift", advice)]
    overall, local = brightness_change(noisy, clean)
    if overall > MAX_GLOBAL_CHANGE or local > MAX_LOCAL_CHANGE:
        change = f"{max(overall, local):.0f} of 255 levels"
        advice = f"Brightness or colour differs by {change}, not only by noise. Leave it out."
        return [("brightness", advice)]
    return []


def fine_detail(image: np.ndarray) -> float:
    """Return the spread of what is finer than two pixels, where an image has least of it.

    The median over blocks of the standard deviation of an image less a blurred copy, in levels
    of 255: mostly noise.
    """
    grey = _grey(image)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1)
    variances = _block_means(fine**2)
    return float(np.sqrt(np.median(variances))) if variances.size else float(fine.std())


def correlation(noisy: np.ndarray, clean: np.ndarray) -> float:
    """Return the correlation of block means; 1 where the clean image has too little contrast."""
    blocks_noisy, blocks_clean = (_block_means(_grey(image)) for image in (noisy, clean))
    # Noise of the strongest kind (50 levels, correlated) leaves about 6 levels in a block mean.
    if blocks_clean.size < MIN_BLOCKS or blocks_clean.std() < 6 or blocks_noisy.std() < 1:
        return 1.0
    return float(np.corrcoef(blocks_noisy.ravel(), blocks_clean.ravel())[0, 1])


def brightness_change(noisy: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Measure the change of brightness or colour between the images of a pair.

    Blocks that noise pushes against black or white are left out, because clipping moves
    their mean. A line (gain and offset) is fitted through noisy minus clean against clean.

    Parameters
    ----------
    noisy, clean : ndarray, shape (H, W, 3), uint8

    Returns
    -------
    overall, local : float
        Of the worst channel, in levels of 255. `overall` is the change that all blocks share: the
        fitted one at the 10th or 90th percentile of brightness, less the spread around the line.
        `local` is the median change of a block, which includes light that changes over the frame.
        Both are reduced by the possible effect of the noise, and 0 when too few blocks are left.
    """
    changes = [_channel_change(noisy[..., k], clean[..., k]) for k in range(3)]
    overall, local = np.max(changes, axis=0)
    return float(overall), float(local)


def _channel_change(noisy: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    noisy, clean = noisy.astype(np.float32), clean.astype(np.float32)
    level = _block_means(clean)
    change = _block_means(noisy) - level
    variance = np.maximum(_block_means((noisy - clean) ** 2) - change**2, 0)
    margin = 3 + 2.5 * np.sqrt(variance)
    usable = (level > margin) & (level < 255 - margin)
    if usable.sum() < MIN_BLOCKS or usable.mean() < 0.05:
        return 0.0, 0.0
    level, change = level[usable], change[usable]
    centred = level - level.mean()
    slope = (centred * change).mean() / ((centred**2).mean() + 1)  # + 1: no slope where flat
    spread = 1.4826 * np.median(np.abs(change - change.mean() - slope * centred))
    fitted = change.mean() + slope * (np.percentile(level, [10, 90]) - level.mean())
    # A camera's curve x^(1/2.2) bends, so noise in light lowers the mean by 0.6 variance / level;
    # on simulated cameras this allowance, half of that at mid-level, is enough.
    bias = np.median(variance) / 400
    return np.abs(fitted).max() - spread - bias, np.median(np.abs(change)) - bias


def shift(noisy: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Measure how far the noisy image lies to the right of and below the clean one.

    Lucas and Kanade 1981, with one shift for the whole image: a shift of (x, y) changes the
    blurred image by minus its gradient times (x, y), solved by least squares together with
    gain and offset. Exact to about 1 px, too small above, hence the reduced images as well.

    Parameters
    ----------
    noisy, clean : ndarray, shape (H, W, 3), uint8

    Returns
    -------
    x, y : float
        Pixels; (0, 0) unless more than `MAX_SHIFT` is found, beyond five standard errors.
    """
    images = [_grey(noisy), _grey(clean)]
    found = [(0.0, 0.0)]
    for scale in (1, 4, 16):
        size = (clean.shape[1] // scale, clean.shape[0] // scale)
        if min(size) < MIN_SIDE:
            break
        reduced = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
        (x, y), error = _small_shift(*reduced)
        if np.hypot(x, y) > max(MAX_SHIFT, 5 * error):
            found.append((x * scale, y * scale))
    return max(found, key=lambda xy: np.hypot(*xy))


def _small_shift(noisy: np.ndarray, clean: np.ndarray) -> tuple[tuple[float, float], float]:
    """Return the shift in pixels and its standard error."""
    sigma, step = 2.0, 2
    noisy, clean = (cv2.GaussianBlur(image, (0, 0), sigma) for image in (noisy, clean))
    gradients = cv2.Sobel(clean, -1, 1, 0, scale=1 / 8), cv2.Sobel(clean, -1, 0, 1, scale=1 / 8)
    inner = np.s_[4:-4:step, 4:-4:step]
    columns = [image[inner].ravel() for image in (*gradients, clean, np.ones_like(clean))]
    design = np.stack(columns, axis=1)
    change = (noisy - clean)[inner].ravel()
    transposed = design.T.astype(np.float64)
    inverse = np.linalg.pinv(transposed @ design)
    solution = inverse @ (transposed @ change)
    # Blurred white noise is correlated over 4 pi sigma^2 pixels.
    independent = 4 * np.pi * sigma**2 / step**2
    variance = np.var(change - design @ solution.astype(np.float32)) * independent
    error = np.sqrt(variance * max(inverse[0, 0], inverse[1, 1]))
    return (-float(solution[0]), -float(solution[1])), float(error)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _block_means(image: np.ndarray) -> np.ndarray:
    """Return the means of BLOCK x BLOCK pixels of an image of shape (H, W)."""
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    if rows == 0 or columns == 0:
        return np.zeros((0, 0), np.float32)
    whole = image[: rows * BLOCK, : columns * BLOCK]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
