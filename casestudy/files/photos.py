"""Read photographs in common formats, or report the fault of a file."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from casestudy import CaseStudyError
from casestudy.files import metadata, tiffs
from casestudy.files.exif import SIDES_CHANGE, exif_of_others, exif_of_tiff

# Damage is reported by our own messages.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# Largest image that is decoded: more than any camera's single frame, half a gigabyte of RGB.
MAX_PIXELS = 150_000_000

# The suffixes of photographs' names, and the format that a file of this name is written in.
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))

# How files of these formats begin. What begins like this and is not read is damaged.
_BEGINNING = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|BM|RIFF....WEBP", re.DOTALL)

# Rows that are copied from Pillow at once. To copy the whole image at once needs more memory, and
# a quarter of the time of decoding more.
_STRIP = 256

# Pillow's modes of at most 8 bits that grey or RGB can hold without loss of range.
_MODES_8_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

# TIFF 6.0: values of tags. OpenCV decodes premultiplied 16-bit files and those with other values
# of the other tags wrongly.
_UNSIGNED, _BLACK_IS_ZERO, _RGB, _INTERLEAVED, _PREMULTIPLIED = 1, 1, 2, 1, 1


@dataclass(frozen=True)
class Photo:
    """The content of a photograph's file, upright.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, C), uint8, uint16 or float32 in [0, 1]
        C is 1 for grey, 2 for grey and alpha (with 8 bits only; with 16 bits they become RGB and
        alpha), 3 for RGB, 4 for RGB and alpha.
    exif : bytes
        The camera's EXIF as a TIFF block, without orientation and thumbnail, with the sides of
        the upright photograph; empty if there is none.
    profile : bytes
        ICC colour profile of the pixels; empty if there is none.
    dpi : tuple of float
        Pixels per inch, along x and y, as JPEG and PNG hold them outside EXIF; empty if they do
        not.
    xmp, iptc : bytes
        Descriptions by photo managers, as they are in the file; empty if there are none.
    colour : bytes
        Chunks of a PNG that say what colours the values stand for.
    lossless : bool
        Whether a WebP holds its pixels without loss.
    conversions : tuple of str
        Differences from the file, each as a sentence.
    """

    pixels: np.ndarray
    exif: bytes = b""
    profile: bytes = b""
    dpi: tuple[float, ...] = ()
    xmp: bytes = b""
    iptc: bytes = b""
    colour: bytes = b""
    lossless: bool = False
    conversions: tuple[str, ...] = ()


def read_image(path: str | Path) -> np.ndarray:
    """Read a photograph as 8-bit RGB.

    16-bit values v become 8-bit by rounding v / 257. Grey is repeated in three channels. Alpha is
    dropped, so transparent pixels show the colour stored under them.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8

    Raises
    ------
    CaseStudyError
        See `read_photo`.
    """
    return as_rgb(read_photo(path).pixels)


def read_photo(path: str | Path) -> Photo:
    """Read a photograph with its EXIF, colour profile, resolution and descriptions.

    PNG, JPEG, TIFF, BMP and WebP are recognized by content, not by name. EXIF orientation is
    applied. Fewer than 8 bits become 8. Palette and CMYK become RGB (CMYK without its profile).
    Of an animation or a file of several pages, the first image that is not a thumbnail is read.
    Colour profiles are kept, not applied.

    Raises
    ------
    CaseStudyError
        If the file is missing, empty, not an image, damaged or cut off, holds the raw data of a
        sensor, numbers other than unsigned integers of 1 to 8 or 16 bits and floats in [0, 1], or
        more than `MAX_PIXELS` by its header.
    """
    with _file(Path(path)) as file:
        return _decode(file, str(path), MAX_PIXELS)


def read_size(path: str | Path) -> tuple[int, int]:
    """Return height and width of a photograph from its header, before EXIF orientation.

    Raises
    ------
    CaseStudyError
        If the file is missing, empty, not an image, or has more than `MAX_PIXELS`.
    """
    with _file(Path(path)) as file, _faults_named(file, str(path), MAX_PIXELS):
        if tiffs.is_tiff(file):
            found = tiffs.photograph(file, str(path))
        else:
            found = Image.open(file, formats=FORMATS)
        _refuse_huge(found.width * found.height, str(path), MAX_PIXELS)
        return found.height, found.width


def decode_photo(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photograph from the content of its file; see `read_photo`.

    `name` is used in error messages. Images of more than `max_pixels` are refused.
    """
    return _decode(io.BytesIO(content), name, max_pixels)


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """Return a `Photo`'s pixels as 8-bit RGB; see `read_image`."""
    pixels = as_8_bits(pixels)
    if pixels.shape[2] < 3:
        return np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def as_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Return a `Photo`'s pixels as uint8: 16-bit values v become round(v / 257)."""
    if pixels.dtype == np.float32:
        return np.round(pixels * 255).astype(np.uint8)
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels


def red_and_blue_swapped(pixels: np.ndarray) -> np.ndarray:
    """Turn OpenCV's BGR, with or without alpha, into RGB, or back; grey stays."""
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.shape[2] > 2 else pixels


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CaseStudyError(f"{path} does not exist. Check the path.") from None
    except OSError as error:
        raise CaseStudyError(
            f"{path} cannot be opened: {error.strerror}. Check that it is a file you may read."
        ) from error
    with file:
        yield file


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Photo:
    with _faults_named(file, name, max_pixels):
        if tiffs.is_tiff(file):
            return _decode_tiff(file, name, max_pixels)
        with Image.open(file, formats=FORMATS) as image:
            _refuse_huge(image.width * image.height, name, max_pixels)
            bits = _bits(image, file, name)
            several = getattr(image, "is_animated", False)
            # Also for 16 bits: Pillow notices a file that is cut off, OpenCV does not.
            try:
                image.load()
            except OSError:
                if image.format != "JPEG" or (whole := _with_end(file, image)) is None:
                    raise
                photo = _decode(whole, name, max_pixels)
                said = (*photo.conversions, "Its end marker was missing; all pixels were there.")
                return replace(photo, conversions=said)
            pixels = _decode_by_opencv(file) if bits == 16 else _decode_8_bit(image)
            return _photo(pixels, image, file, several)


def _with_end(file: BinaryIO, image: Image.Image) -> BinaryIO | None:
    """Return a JPEG that lacks only its end marker with one, or None if it lacks more.

    If all pixels are there, what follows them changes nothing. A progressive JPEG may lack its
    finest details, which this does not show.
    """
    file.seek(0)
    content = file.read()
    ended = [io.BytesIO(content + more + b"\xff\xd9") for more in (b"", 64 * b"\x55")]
    one, other = (np.asarray(Image.open(end)) for end in ended)
    complete = not image.info.get("progressive") and np.array_equal(one, other)
    ended[0].seek(0)
    return ended[0] if complete else None


def _decode_tiff(file: BinaryIO, name: str, max_pixels: int) -> Photo:
    found = tiffs.photograph(file, name)
    _refuse_huge(found.width * found.height, name, max_pixels)
    file.seek(0)
    if found.floats:  # Pillow does not open those in colour
        pixels = _decode_by_opencv(file, found.index)
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise CaseStudyError(
                f"{name} holds numbers from {pixels.min():g} to {pixels.max():g}. Scale them to 0 "
                "(black) to 1 (white)."
            )
        exif = exif_of_tiff(file, found.place)
        return Photo(pixels, exif, found.profile)
    with Image.open(file, formats=FORMATS) as image:
        image.seek(found.index)
        bits = _bits(image, file, name)
        image.load()
        pixels = _decode_by_opencv(file, found.index) if bits == 16 else _decode_8_bit(image)
        photo = _photo(pixels, image, file, found.several, found.place)
    said = [*photo.conversions]
    if found.counted:
        said.append("Its description counts images of the file and was left out.")
    pixels = photo.pixels
    if found.unknown_samples:
        said.append("Its channel that is neither colour nor transparency was left out.")
        pixels = np.ascontiguousarray(pixels[..., : 1 if pixels.shape[2] < 3 else 3])
    return replace(photo, pixels=pixels, conversions=tuple(said))


@contextmanager
def _faults_named(file: BinaryIO, name: str, max_pixels: int) -> Iterator[None]:
    """Let any error while a file is read name the file."""
    if not (beginning := file.read(12)):
        raise CaseStudyError(f"{name} is empty. Copy or download it again.")
    file.seek(0)
    # Damaged headers raise anything from IndexError to zlib.error, so every kind is caught.
    try:
        with warnings.catch_warnings(action="ignore"):  # size and damage are judged here
            yield
    except (CaseStudyError, MemoryError):
        raise
    except Image.DecompressionBombError:
        _refuse_huge(np.inf, name, max_pixels)
    except Exception as error:
        unknown = isinstance(error, Image.UnidentifiedImageError)
        if unknown and not _BEGINNING.match(beginning):
            raise CaseStudyError(
                f"{name} is not a {', '.join(FORMATS)} image that can be read. "
                "Replace it, or convert it to 8- or 16-bit PNG."
            ) from None
        reason = "before its pixels" if unknown else error
        raise CaseStudyError(
            f"{name} is damaged or cut off ({reason}). Copy or download it again."
        ) from error


def _refuse_huge(pixels: float, name: str, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise CaseStudyError(
            f"{name} declares more than {max_pixels / 1e6:g} megapixels, the limit here. "
            "Replace it, or cut it into smaller images."
        )


def _bits(image: Image.Image, file: BinaryIO, name: str) -> int:
    """Return bits per channel from the header, 16 or at most 8; Pillow's mode hides 16 bits."""
    bits, known = 8, True
    if image.format == "PNG":
        position = file.tell()
        file.seek(24)  # IHDR: signature 8, length 4, type 4, width 4, height 4, then the depth
        bits = file.read(1)[0]
        file.seek(position)
    elif image.format == "TIFF":
        tags = image.tag_v2
        bits = max(tags.get(Base.BitsPerSample, (1,)))
        known = set(tags.get(Base.SampleFormat, (_UNSIGNED,))) == {_UNSIGNED}
        if bits == 16:
            known &= tags.get(Base.PhotometricInterpretation) in (_BLACK_IS_ZERO, _RGB)
            known &= tags.get(Base.PlanarConfiguration, _INTERLEAVED) == _INTERLEAVED
            known &= _PREMULTIPLIED not in tags.get(Base.ExtraSamples, ())
    if known and (bits == 16 or (bits <= 8 and image.mode in _MODES_8_BIT)):
        return bits
    raise CaseStudyError(
        f"{name} holds {bits}-bit values of a kind that cannot be read ({image.mode}). "
        "Convert it to 8- or 16-bit PNG, RGB or grey."
    )


def _decode_8_bit(image: Image.Image) -> np.ndarray:
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    mode += "A" if image.has_transparency_data else ""
    image = image if image.mode == mode else image.convert(mode)
    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        pixels[top : top + _STRIP] = np.atleast_3d(np.asarray(strip))
    return pixels


def _decode_by_opencv(file: BinaryIO, index: int = 0) -> np.ndarray:
    """Decode 16 bits or floats, because Pillow reduces 16-bit colour to its upper byte."""
    file.seek(0)
    encoded, kind = np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED
    if index:
        (pixels,) = cv2.imdecodemulti(encoded, kind, range=(index, index + 1))[1] or (None,)
    else:
        pixels = cv2.imdecode(encoded, kind)
    if pixels is None or pixels.dtype not in (np.uint16, np.float32):
        raise ValueError("an image that OpenCV cannot decode")
    return red_and_blue_swapped(np.atleast_3d(pixels))


def _photo(
    pixels: np.ndarray, image: Image.Image, file: BinaryIO, several: bool, place: int = 0
) -> Photo:
    """Turn pixels upright, and add the other content of the file."""
    companions = metadata.companions(file) if image.format in ("JPEG", "MPO") else []
    conversions = [*companions]
    if several and not companions:
        conversions.append("Only the first of several images is used.")
    if image.mode in ("P", "PA", "CMYK"):
        kind = "CMYK" if image.mode == "CMYK" else "The palette"
        conversions.append(f"{kind} was converted to RGB.")
    dpi = _dpi(image)
    orientation = 1  # of a TIFF, Pillow and OpenCV have applied it already
    try:
        if image.format != "TIFF":
            orientation = image.getexif().get(Base.Orientation)
        turned = orientation in SIDES_CHANGE
        tiff = image.format == "TIFF"
        exif = exif_of_tiff(file, place) if tiff else exif_of_others(image, turned)
    except Exception as error:  # as for images, damage raises anything
        exif = b""
        conversions.append(f"Its EXIF is damaged ({error}) and was left out.")
    if orientation in SIDES_CHANGE:
        pixels, dpi = pixels.swapaxes(0, 1), dpi[::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    profile = image.info.get("icc_profile") or b""
    # ICC.1:2010, 7.2: the kind of pixels that a profile is for.
    if profile and profile[16:20] != (b"GRAY" if pixels.shape[2] < 3 else b"RGB "):
        profile = b""
        conversions.append("Its colour profile is for other pixels and was left out.")
    return Photo(
        np.ascontiguousarray(pixels),
        exif,
        profile,
        dpi,
        b"" if companions else metadata.xmp_of(image),  # it describes them
        metadata.iptc_of(image),
        metadata.png_colour(file, pixels.shape[2]) if image.format == "PNG" else b"",
        image.format == "WEBP" and _is_lossless(file),
        tuple(conversions),
    )


def _is_lossless(webp: BinaryIO) -> bool:
    webp.seek(0)
    return b"VP8L" in webp.read(64)


def _dpi(image: Image.Image) -> tuple[float, ...]:
    # For a JPEG without it, Pillow returns the resolution of EXIF, or makes one up.
    stated = image.format == "PNG" or image.info.get("jfif_unit") in (1, 2)
    dpi = image.info.get("dpi", ()) if stated else ()
    return dpi if all(1 <= value <= 65_535 for value in dpi) else ()  # as a JPEG can hold
