"""How strongly a photograph is denoised: as much as asked for."""

import cv2
import numpy as np


def blend(before: np.ndarray, after: np.ndarray, strength: float) -> np.ndarray:
    """Return before + strength * (after - before), uint8 or uint16 as the arguments."""
    return cv2.addWeighted(after, strength, before, 1 - strength, 0).reshape(before.shape)
