"""Noise of many kinds, which the simulated camera of `casestudy.data.camera` does not make.

Scans, microscopes, monochrome film and photographs that were edited carry noise that is equal in
all colours, reaches over several pixels, or comes in rows and blotches. A network that is to
remove noise of unknown origin has to see them all. Each picture gets a random mixture:

    clean -> (grey) -> grain of some size, shared or not between colours, stronger in some tones
          -> blotches of colour -> rows or columns -> hot pixels -> sharpening -> 8 bits -> JPEG

K. Zhang et al., "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution",
ICCV 2021, arXiv:2103.14006, and "Practical Blind Denoising via Swin-Conv-UNet and Data
Synthesis" (SCUNet), 2022, arXiv:2203.13278, train on such mixtures; shares and ranges are ours.
"""

import cv2
import numpy as np

from casestudy.data.camera import jpeg

SIGMA = 2.0, 80.0  # levels of 255


def random_noise(clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Add a random mixture of noise to a clean image.

    Parameters
    ----------
    clean : ndarray, shape (H, W, 3), uint8
    rng : numpy.random.Generator

    Returns
    -------
    noisy, clean : ndarray, shape (H, W, 3), uint8
        The clean image is the given one, unless grey or sharpened pictures were drawn: then it
        is grey or sharpened as the noisy one is, since neither is noise.
    """
    sigma = np.exp(rng.uniform(*np.log(SIGMA)))
    shared = rng.choice([0.0, 1.0, rng.uniform()], p=[0.5, 0.3, 0.2])
    if shared == 1 and rng.random() < 1 / 3:
        clean = _gray(clean)
    size = clean.shape[:2]
    noise = grain(size, shared, rng) * tones(clean, rng) * sigma
    if rng.random() < 0.1:
        noise += blotches(size, rng) * sigma * rng.uniform(0.1, 0.5)
    if rng.random() < 0.05:
        noise += bands(size, rng) * sigma * rng.uniform(0.1, 0.4)
    noisy = clean + noise
    if rng.random() < 0.05:
        noisy = hot_pixels(noisy, rng)
    if rng.random() < 0.08:
        amount = rng.uniform(0.3, 1.5)
        noisy, clean = (sharpened(image, amount) for image in (noisy, clean))
    noisy, clean = (np.clip(np.round(image), 0, 255).astype(np.uint8) for image in (noisy, clean))
    if rng.random() < 0.35:
        noisy = jpeg(noisy, int(rng.integers(55, 99)))
        if rng.random() < 0.3:  # saved twice
            noisy = jpeg(noisy, int(rng.integers(55, 99)))
    return noisy, clean


def grain(size: tuple[int, int], shared: float, rng: np.random.Generator) -> np.ndarray:
    """Return noise of standard deviation 1, whose neighbouring pixels may be alike.

    Some 60 % are white, 25 % are blurred by 0.4 to 1.3 pixels, 15 % are resized from another
    resolution (0.5 to 2 times), as photographs are.

    Parameters
    ----------
    size : (int, int)
        Rows and columns.
    shared : float
        Part of the variance that red, green and blue have in common: 0 is independent noise, 1
        is equal in all three.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (*size, 3), float32
    """
    kind, scale = rng.random(), 1.0
    if kind > 0.85:
        scale = 2 ** rng.uniform(-1, 1)
    rows, columns = (max(8, round(side / scale)) for side in size)
    own = rng.standard_normal((rows, columns, 3), np.float32)
    common = rng.standard_normal((rows, columns, 1), np.float32)
    noise = np.sqrt(np.float32(1 - shared)) * own + np.sqrt(np.float32(shared)) * common
    if kind > 0.85:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        noise = cv2.resize(noise, size[::-1], interpolation=way)
    elif kind > 0.6:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.3))
    return noise / noise.std()


def tones(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the strength of noise by brightness, relative to its mean over the image.

    Six in ten images have the same noise everywhere. In the others it grows with the root of
    brightness, as photons make it, or falls with brightness, as a display curve makes it, or is
    strongest in the middle tones, as the grain of film is.

    Returns
    -------
    ndarray, shape (H, W, 1), float32
    """
    light = clean.mean(axis=-1, keepdims=True, dtype=np.float32) / 255
    kind = rng.random()
    if kind < 0.6:
        return np.ones_like(light)
    if kind < 0.8:
        strength = np.sqrt(0.05 + light)
    elif kind < 0.9:
        strength = 1.2 - light
    else:
        strength = 0.25 + 4 * light * (1 - light)
    return strength / strength.mean()


def blotches(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return smooth blotches of colour, standard deviation 1: shape (*size, 3), float32."""
    noise = rng.standard_normal((*size, 3), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(1.5, 6))
    noise -= noise.mean(axis=-1, keepdims=True)  # colour only
    return noise / noise.std()


def bands(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return rows or columns of one level each, standard deviation 1: shape (*size, 1)."""
    rows, columns = size
    shape = (rows, 1, 1) if rng.random() < 0.5 else (1, columns, 1)
    return np.broadcast_to(rng.standard_normal(shape, np.float32), (*size, 1))


def hot_pixels(noisy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image with up to one pixel in a hundred black or white, in one colour or all."""
    struck = rng.random((*noisy.shape[:2], rng.choice([1, 3]))) < 10 ** rng.uniform(-4, -2)
    return np.where(struck, 255 * rng.integers(0, 2, struck.shape), noisy)


def sharpened(image: np.ndarray, amount: float) -> np.ndarray:
    """Return the image with its difference to a blurred copy (1 px) added: an unsharp mask."""
    image = image.astype(np.float32)
    return image + np.float32(amount) * (image - cv2.GaussianBlur(image, (0, 0), 1))


def _gray(image: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(gray[..., None], 3, axis=-1)
