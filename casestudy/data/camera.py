"""A simulated camera: what happens between light and a noisy JPEG.

A clean photograph is turned back into light on the sensor ("unprocessing"), mosaicked,
disturbed by shot and read noise, and developed again:

    photograph -> inverse tone curve -> inverse gamma -> camera colours -> inverse white balance
               -> Bayer mosaic -> noise -> white balance -> demosaic -> sRGB colours -> gamma
               -> tone curve -> 8 bits -> JPEG

Sources: Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019,
arXiv:1811.11127 (curves, colour matrices, gains, noise levels); Guo et al., "Toward
Convolutional Blind Denoising of Real Photographs" (CBDNet), CVPR 2019, arXiv:1807.04686 (noise
before demosaicking, JPEG after); Malvar, He, Cutler, "High-quality linear interpolation for
demosaicing of Bayer-patterned color images", ICASSP 2004; Abdelhamed, Brubaker, Brown, "Noise
Flow", ICCV 2019 (measured noise of phones). Departures: the full brightness gain and tone
curve are applied again when developing, so that the result looks like the photograph; white
balance comes before demosaicking, since Malvar's filter assumes balanced channels.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

# Brooks et al.: sRGB primaries to XYZ, and XYZ to the colours of four real cameras.
SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
XYZ_TO_CAMERAS = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)

# Noise Flow's table of five phones, lowest and highest: ISO; shot noise per unit of ISO (Pixel and
# LG G4); read noise per unit of ISO squared (Galaxy S6, which has next to none, and Nexus 6).
PHONES = np.array([[50, 2.2e-6, 1e-13], [3200, 7.4e-6, 8.1e-11]])

# Malvar, He, Cutler 2004, in eighths: green at red or blue; red where its row, or its column,
# holds red (blue likewise); red at blue (blue at red).
GREEN = np.array(
    [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]
)
ALONG_ROW = np.array(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
)
ALONG_COLUMN = ALONG_ROW.T
OPPOSITE = np.array(
    [
        [0, 0, -1.5, 0, 0],
        [0, 2, 0, 2, 0],
        [-1.5, 0, 6, 0, -1.5],
        [0, 2, 0, 2, 0],
        [0, 0, -1.5, 0, 0],
    ]
)


@dataclass(frozen=True)
class Camera:
    """How a simulated camera sees and develops light."""

    name: str
    shot_per_iso: float  # a in the variance of shot noise per unit of light, a ISO
    read_per_iso2: float  # b in the variance of read noise, b ISO^2 + c; full scale is 1
    read_floor: float  # c
    red_gain: float = 2.15  # of white balance; green is 1
    blue_gain: float = 1.7
    brightness: float = 1 / 0.8  # gain of every channel when developing
    # Shares of the four measured colour matrices.
    colour_weights: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25)
    contrast: float = 1.0  # of the tone curve, see `tone_curve`
    jpeg_quality: int = 95  # OpenCV's scale, 0 to 100

    def noise_levels(self, iso: float) -> tuple[float, float]:
        """Return (lambda_shot, lambda_read) at an ISO setting."""
        return self.shot_per_iso * iso, self.read_per_iso2 * iso**2 + self.read_floor

    @property
    def srgb_to_camera(self) -> np.ndarray:
        """Colour matrix from linear sRGB, shape (3, 3); rows sum to 1, so white stays white."""
        matrix = np.tensordot(self.colour_weights, XYZ_TO_CAMERAS, axes=1) @ SRGB_TO_XYZ
        return matrix / matrix.sum(axis=1, keepdims=True)

    @property
    def gains(self) -> np.ndarray:
        """Gains for red, green and blue that developing applies to the mosaic, shape (3,)."""
        return np.array([self.red_gain, 1.0, self.blue_gain]) * self.brightness


NOISELESS = Camera("noiseless", shot_per_iso=0, read_per_iso2=0, read_floor=0)


def random_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera, to be used at ISO 1.

    White balance, brightness and colours are drawn as by Brooks et al. With equal chances, noise
    is drawn as by them, or as that of a phone at ISO 50 to 3200, which has far more read noise.
    Contrast is uniform in 0.1 to 1, because makers' tone curves differ. JPEG quality is uniform
    in 60 to 100, as Guo et al. recommend.
    """
    draw_noise = rng.choice([_camera_noise, _phone_noise])
    shot, read = draw_noise(rng)
    weights = rng.uniform(1e-8, 1, 4)
    return Camera(
        "random",
        shot_per_iso=shot,
        read_per_iso2=0.0,
        read_floor=read,
        red_gain=rng.uniform(1.9, 2.4),
        blue_gain=rng.uniform(1.5, 1.9),
        brightness=1 / rng.normal(0.8, 0.1),
        colour_weights=tuple(weights / weights.sum()),
        contrast=rng.uniform(0.1, 1),
        jpeg_quality=int(rng.integers(60, 101)),
    )


def _camera_noise(rng: np.random.Generator) -> tuple[float, float]:
    """Draw (lambda_shot, lambda_read) as Brooks et al. do, after the cameras of DND."""
    log_shot = rng.uniform(np.log(1e-4), np.log(0.012))
    return np.exp(log_shot), np.exp(2.18 * log_shot + 1.20 + rng.normal(0, 0.26))


def _phone_noise(rng: np.random.Generator) -> tuple[float, float]:
    """Draw (lambda_shot, lambda_read) in the ranges that Noise Flow measured for SIDD's phones."""
    iso, shot_per_iso, read_per_iso2 = np.exp(rng.uniform(*np.log(PHONES)))
    return shot_per_iso * iso, read_per_iso2 * iso**2 + rng.uniform(1e-6, 3e-6)


def random_light(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a photograph as if taken in less light, and of things in stronger colours.

    Values that noise moves below black are cut off, so dark places and the absent colours of
    vivid ones come out too bright on average. A network has to learn to undo that, too, and
    photographs taken by day show too little of it. Light falls by up to two stops, saturation
    rises to up to twice as much, both log-uniform.

    Parameters
    ----------
    photograph : ndarray, shape (H, W, 3), uint8
        sRGB.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
    """
    light = (photograph.astype(np.float32) / 255) ** 2.2
    gray = light.mean(axis=-1, keepdims=True)
    vivid = np.clip(gray + 2 ** rng.uniform(0, 1) * (light - gray), 0, 1)
    dimmed = vivid * 4 ** rng.uniform(-1, 0)
    return np.round(dimmed ** (1 / 2.2) * 255).astype(np.uint8)


def capture(
    photograph: np.ndarray, camera: Camera, iso: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Photograph a clean image again with a simulated camera.

    The clean image of the pair is the camera's own rendering of the mosaic without noise, not the
    photograph: a mosaic cannot hold every detail of an image of the same size, and a network
    would learn to undo demosaicking instead of noise. Only the noisy image is compressed.

    Parameters
    ----------
    photograph : ndarray, shape (H, W, 3), uint8
        sRGB; an odd last row or column is left out, since a Bayer cell has 2x2 pixels.
    camera : Camera
    iso : float
        ISO sensitivity.
    rng : numpy.random.Generator

    Returns
    -------
    noisy, clean : ndarray, shape (H, W, 3), uint8
    """
    height, width = (side - side % 2 for side in photograph.shape[:2])
    light = unprocess(photograph[:height, :width], camera)
    raw = mosaic(light)
    noisy = develop(add_noise(raw, *camera.noise_levels(iso), rng), camera)
    return jpeg(noisy, camera.jpeg_quality), develop(raw, camera)


def noise_level_map(clean: np.ndarray, camera: Camera, iso: float) -> np.ndarray:
    """Return the strength of a camera's noise at each pixel of a photograph it developed.

    This is CBDNet's level map, in units of the photograph: half the distance between the values
    developed from light one standard deviation above and one below. The effect of demosaicking
    on noise is averaged over the Bayer cell; that of JPEG is left out.

    Parameters
    ----------
    clean : ndarray, shape (H, W, 3), uint8
        sRGB, developed without noise.
    camera : Camera
    iso : float

    Returns
    -------
    ndarray, shape (H, W, 3), float32
        Standard deviation per pixel and channel, full scale being 1.
    """
    shot, read = camera.noise_levels(iso)
    variance = (shot * unprocess(clean, camera) + read) * camera.gains**2
    to_srgb = np.linalg.inv(camera.srgb_to_camera)
    spread = np.einsum("ij,cjk,ik->ci", to_srgb, _demosaicked_covariance(), to_srgb)
    deviation = np.sqrt(variance @ spread)
    linear = inverse_tone_curve(clean.astype(np.float32) / 255, camera.contrast) ** 2.2
    above, below = (
        tone_curve(np.clip(linear + sign * deviation, 0, 1) ** (1 / 2.2), camera.contrast)
        for sign in (1, -1)
    )
    return ((above - below) / 2).astype(np.float32)


@cache
def _demosaicked_covariance() -> np.ndarray:
    """Return the channels' covariance (3, 3, 3) from unit noise in red, green and blue pixels."""
    covariance = np.zeros((3, 3, 3))
    for row, column, colour in ((6, 6, 0), (6, 7, 1), (7, 6, 1), (7, 7, 2)):
        impulse = np.zeros((14, 14), np.float32)
        impulse[row, column] = 1
        response = demosaic(impulse).reshape(-1, 3)
        covariance[colour] += response.T @ response / 4
    return covariance


def unprocess(photograph: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the light that the camera would have developed into the photograph.

    Parameters
    ----------
    photograph : ndarray, shape (H, W, 3), uint8
    camera : Camera

    Returns
    -------
    ndarray, shape (H, W, 3), float32 in [0, 1]
        Linear camera colours before white balance.
    """
    srgb = photograph.astype(np.float32) / 255
    linear = np.maximum(inverse_tone_curve(srgb, camera.contrast), 1e-8) ** 2.2
    colours = linear @ camera.srgb_to_camera.T.astype(np.float32)
    gains = (1 / camera.gains).astype(np.float32)
    # Near white the gains fade to 1, or clipped highlights would turn pink (Brooks et al.).
    gray = colours.mean(axis=-1, keepdims=True)
    near_white = (np.maximum(gray - 0.9, 0) / 0.1) ** 2
    light = colours * np.maximum(near_white + (1 - near_white) * gains, gains)
    return np.clip(light, 0, 1)


def add_noise(raw: np.ndarray, shot: float, read: float, rng: np.random.Generator) -> np.ndarray:
    """Add heteroscedastic Gaussian noise of variance shot * raw + read.

    This is the Gaussian approximation of photon (shot) plus electronic (read) noise.

    Parameters
    ----------
    raw : ndarray, float32 in [0, 1]
        Linear light on the sensor.
    shot, read : float
        lambda_shot and lambda_read.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of raw's shape
        float32; float64 where `shot` or `read` is of a NumPy type, as from `random_camera`. Not
        clipped: a sensor's black level keeps values below zero.
    """
    deviation = np.sqrt(shot * raw + read)
    return raw + deviation * rng.standard_normal(raw.shape, np.float32)


def develop(raw: np.ndarray, camera: Camera) -> np.ndarray:
    """Turn a mosaic into a photograph.

    Parameters
    ----------
    raw : ndarray, shape (H, W), float32 or float64
        RGGB mosaic of linear light; H and W even.
    camera : Camera

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        sRGB.
    """
    red, green, blue = camera.gains.astype(np.float32)
    balanced = raw * np.tile(
        np.array([[red, green], [green, blue]], np.float32), np.array(raw.shape) // 2
    )
    colours = demosaic(np.clip(balanced, 0, 1))
    camera_to_srgb = np.linalg.inv(camera.srgb_to_camera).astype(np.float32)
    linear = np.clip(colours @ camera_to_srgb.T, 0, 1)
    srgb = tone_curve(np.maximum(linear, 1e-8) ** (1 / 2.2), camera.contrast)
    return np.round(srgb * 255).astype(np.uint8)


def tone_curve(x: np.ndarray, contrast: float = 1.0) -> np.ndarray:
    """Return a camera's contrast curve on [0, 1].

    It is the smoothstep 3 x^2 - 2 x^3 of Brooks et al. for a contrast of 1, and a blend of it
    with the straight line for less.
    """
    return (1 - contrast) * x + contrast * (3 * x**2 - 2 * x**3)


def inverse_tone_curve(y: np.ndarray, contrast: float = 1.0) -> np.ndarray:
    """Return the x in [0, 1] with `tone_curve(x, contrast)` = y, for a contrast in (0, 1]."""
    # With u = x - 1/2, y - 1/2 = slope u - 2 contrast u^3: Viete's solution of such a cubic.
    slope = 1 + contrast / 2
    radius = (slope / (6 * contrast)) ** 0.5
    sine = (np.clip(y, 0, 1) - 0.5) * (1.5 / (slope * radius))
    return np.clip(0.5 + 2 * radius * np.sin(np.arcsin(sine) / 3), 0, 1)


def mosaic(colours: np.ndarray) -> np.ndarray:
    """Keep one colour per pixel, in the RGGB pattern.

    Parameters
    ----------
    colours : ndarray, shape (H, W, 3)
        H and W even.

    Returns
    -------
    ndarray, shape (H, W)
    """
    raw = colours[..., 1].copy()
    raw[0::2, 0::2] = colours[0::2, 0::2, 0]
    raw[1::2, 1::2] = colours[1::2, 1::2, 2]
    return raw


def demosaic(raw: np.ndarray) -> np.ndarray:
    """Interpolate the two missing colours of each pixel (Malvar, He, Cutler 2004).

    Parameters
    ----------
    raw : ndarray, shape (H, W), float32 or float64
        White-balanced RGGB mosaic; H and W even.

    Returns
    -------
    ndarray, shape (H, W, 3), of raw's dtype
    """
    green, along_row, along_column, opposite = (
        cv2.filter2D(raw, -1, (kernel / 8).astype(np.float32), borderType=cv2.BORDER_REFLECT_101)
        for kernel in (GREEN, ALONG_ROW, ALONG_COLUMN, OPPOSITE)
    )
    colours = np.repeat(raw[..., None], 3, axis=-1)
    on_red, on_blue = np.s_[0::2, 0::2], np.s_[1::2, 1::2]
    green_in_red_row, green_in_blue_row = np.s_[0::2, 1::2], np.s_[1::2, 0::2]
    for place, channel, values in (
        (on_red, 1, green),
        (on_red, 2, opposite),
        (on_blue, 1, green),
        (on_blue, 0, opposite),
        (green_in_red_row, 0, along_row),
        (green_in_red_row, 2, along_column),
        (green_in_blue_row, 0, along_column),
        (green_in_blue_row, 2, along_row),
    ):
        colours[..., channel][place] = values[place]
    return colours


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Compress an image to JPEG (4:2:0 chroma) and decode it.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3), uint8
        RGB.
    quality : int
        0 to 100.

    Returns
    -------
    ndarray of image's shape, uint8
    """
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
