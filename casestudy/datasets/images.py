"""Read any common image file as 8-bit RGB, or say what is wrong with it."""

import warnings
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps

from casestudy.errors import CaseStudyError

# Largest image that is decoded: more than any camera's single frame, under half a gigabyte.
MAX_PIXELS = 150_000_000

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

# Pillow modes of 8 bits or fewer, which convert to RGB without loss of range.
_MODES_8_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}

# TIFF 6.0: tags, and the values that OpenCV decodes right at 16 bits.
_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _PHOTOMETRIC, _PLANAR = 258, 339, 262, 284
_UNSIGNED, _BLACK_IS_ZERO, _RGB, _INTERLEAVED = 1, 1, 2, 1


def read_image(path: str | Path) -> np.ndarray:
    """Read a photograph as 8-bit RGB.

    PNG, JPEG, TIFF, BMP and WebP are told apart by content, not by name. Conversions:
    16 bits to 8 by rounding v / 257; one channel is replicated; palette and CMYK become RGB;
    EXIF orientation is applied; an alpha channel is dropped, so that transparent pixels show
    the colour stored under them. Of an animation or a file of several pages, the first image
    is read. Colour profiles are not applied.

    Parameters
    ----------
    path : str or Path
        The image file.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        Red, green, blue, as displayed.

    Raises
    ------
    CaseStudyError
        If the file is missing, empty, no image, damaged or cut off, holds numbers that are
        not 1- to 8-bit or 16-bit unsigned integers, or declares more than `MAX_PIXELS`
        (refused from the header, before decoding).
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _decode(file, path)
    except FileNotFoundError:
        raise CaseStudyError(f"{path} does not exist. Check the path.") from None
    except OSError as error:
        raise CaseStudyError(
            f"{path} cannot be opened: {error.strerror}. Check that it is a file you may read."
        ) from error


def _decode(file: BinaryIO, path: Path) -> np.ndarray:
    if not file.read(1):
        raise CaseStudyError(f"{path} is empty. Copy or download it again.")
    file.seek(0)
    # Damaged headers raise anything from IndexError to zlib.error, so every kind is caught.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size and damage are judged here
            with Image.open(file, formats=FORMATS) as image:
                _refuse_huge(image.width * image.height, path)
                bits = _bits(image, file, path)
                # Also for 16 bits: OpenCV does not tell that a file is cut off, Pillow does.
                image.load()
                return _decode_16_bit(image, file) if bits == 16 else _to_rgb(image)
    except CaseStudyError:
        raise
    except Image.UnidentifiedImageError:
        raise CaseStudyError(
            f"{path} is not a {', '.join(FORMATS)} image that can be read. "
            "Replace it, or convert it to 8- or 16-bit PNG."
        ) from None
    except Image.DecompressionBombError:
        _refuse_huge(np.inf, path)
    except Exception as error:
        raise CaseStudyError(
            f"{path} is damaged or cut off ({error}). Copy or download it again."
        ) from error


def _refuse_huge(pixels: float, path: Path) -> None:
    if pixels > MAX_PIXELS:
        raise CaseStudyError(
            f"{path} declares more than {MAX_PIXELS / 1e6:.0f} megapixels, the most that is "
            "decoded. Replace it, or cut it into smaller images."
        )


def _bits(image: Image.Image, file: BinaryIO, path: Path) -> int:
    """Return bits per channel from the header, 16 or at most 8; Pillow's mode hides 16 bits."""
    bits, known = 8, True
    if image.format == "PNG":
        position = file.tell()
        file.seek(24)  # IHDR: signature 8, length 4, type 4, width 4, height 4, then the depth
        bits = file.read(1)[0]
        file.seek(position)
    elif image.format == "TIFF":
        tags = image.tag_v2
        bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
        known = set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))) == {_UNSIGNED}
        if bits == 16:
            known &= tags.get(_PHOTOMETRIC) in (_BLACK_IS_ZERO, _RGB)
            known &= tags.get(_PLANAR, _INTERLEAVED) == _INTERLEAVED
    if known and (bits == 16 or (bits <= 8 and image.mode in _MODES_8_BIT)):
        return bits
    raise CaseStudyError(
        f"{path} holds {bits}-bit values of a kind that is not read ({image.mode}). "
        "Convert it to 8- or 16-bit PNG, RGB or grey."
    )


def _to_rgb(image: Image.Image) -> np.ndarray:
    ImageOps.exif_transpose(image, in_place=True)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _decode_16_bit(image: Image.Image, file: BinaryIO) -> np.ndarray:
    """Decode with OpenCV, because Pillow cuts 16-bit colour to its upper byte."""
    file.seek(0)
    encoded = np.frombuffer(file.read(), np.uint8)
    bgr = cv2.imdecode(encoded, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if bgr is None or bgr.dtype != np.uint16:
        raise ValueError("a 16-bit image that OpenCV does not decode")
    levels = (bgr[:, :, ::-1].astype(np.uint32) + 128) // 257
    return levels.astype(np.uint8)
