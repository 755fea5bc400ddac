"""Read and write photographs in common formats, or say what is wrong with a file."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import tifffile
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import putchunk

from casestudy import CaseStudyError
from casestudy.files.exif import (
    RESOLUTION,
    SIDES_CHANGE,
    TEXTS,
    append_directories,
    exif_of_others,
    exif_of_tiff,
    read_directories,
)
from casestudy.files.writing import written_whole

# Largest image that is decoded: more than any camera's single frame, half a gigabyte of RGB.
MAX_PIXELS = 150_000_000

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

# How a file is written, by the end of its name.
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}

# The most pixels along a side, by VP8's header and by libjpeg; other formats hold more than is
# decoded.
_LONGEST_SIDE = {"WEBP": 16_383, "JPEG": 65_500}

# Bytes: a JPEG segment states its length in 16 bits, and also holds that length and "Exif" with
# two zeros.
LONGEST_JPEG_EXIF = 65_535 - 2 - 6

_MAX_DPI = 65_535  # in a JPEG

# Where a PNG's first chunk ends: signature 8, length 4, type 4, content 13, checksum 4.
_AFTER_IHDR = 33

# Rows that are copied at once from Pillow, which makes a copy of its own: of the whole image, that
# takes a quarter of the time that decoding takes.
_STRIP = 256

# Pillow's modes of 8 bits or fewer, and those that hold the same without loss of range.
_MODES_8_BIT = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}

# TIFF 6.0: tags, and the values that OpenCV decodes right at 16 bits.
_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _PHOTOMETRIC, _PLANAR, _EXTRA = 258, 339, 262, 284, 338
_UNSIGNED, _BLACK_IS_ZERO, _RGB, _INTERLEAVED, _PREMULTIPLIED, _INCH = 1, 1, 2, 1, 1, 2

# How a stored image, as a (H, W, C) array, comes upright, by EXIF orientation.
_UPRIGHT = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@dataclass(frozen=True)
class Photo:
    """A photograph as it is in its file, upright.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, C), uint8 or uint16
        C is 1 for grey, 2 for grey and alpha (8 bits only; at 16 they become RGB and alpha),
        3 for RGB, 4 for RGB and alpha.
    exif : bytes
        What the camera wrote, as a TIFF block, without orientation and thumbnail, of the sides as
        they are upright; empty if nothing.
    profile : bytes
        ICC colour profile of the pixels; empty if none.
    dpi : tuple of float
        Pixels per inch, along x and y, as JPEG and PNG hold them outside EXIF; empty if they do
        not.
    conversions : tuple of str
        What is not as in the file, each as a sentence.
    """

    pixels: np.ndarray
    exif: bytes = b""
    profile: bytes = b""
    dpi: tuple[float, ...] = ()
    conversions: tuple[str, ...] = ()


def read_image(path: str | Path) -> np.ndarray:
    """Read a photograph as 8-bit RGB.

    16 bits become 8 by rounding v / 257, one channel is replicated, and an alpha channel is
    dropped, so that transparent pixels show the colour stored under them. For all else see
    `read_photo`.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        Red, green, blue, as displayed.

    Raises
    ------
    CaseStudyError
        See `read_photo`.
    """
    return as_rgb(read_photo(path).pixels)


def read_photo(path: str | Path) -> Photo:
    """Read a photograph with all that its pixels hold, EXIF, colour profile and resolution.

    PNG, JPEG, TIFF, BMP and WebP are recognized by content, not by name. EXIF orientation is
    applied; fewer than 8 bits become 8; palette and CMYK become RGB (CMYK without its profile);
    of an animation or a file of several pages, the first image is read. Colour profiles are
    kept, not applied. XMP is not kept.

    Parameters
    ----------
    path : str or Path
        The image file.

    Returns
    -------
    Photo

    Raises
    ------
    CaseStudyError
        If the file is missing, empty, not an image, damaged or cut off, holds numbers that are
        not 1- to 8-bit or 16-bit unsigned integers, or declares more than `MAX_PIXELS`
        (refused from the header, before decoding).
    """
    with _file(Path(path)) as file:
        return _decode(file, str(path), MAX_PIXELS)


def read_size(path: str | Path) -> tuple[int, int]:
    """Return height and width of a photograph from its header, before EXIF turns it.

    Raises
    ------
    CaseStudyError
        If the file is missing, empty, not an image, or declares more than `MAX_PIXELS`.
    """
    with _file(Path(path)) as file, _opened(file, str(path), MAX_PIXELS) as image:
        return image.height, image.width


def decode_photo(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photograph from memory, as `read_photo` does from a file.

    Parameters
    ----------
    content : bytes
        All of an image file.
    name : str
        What messages call it.
    max_pixels : int
        The most that is decoded.

    Raises
    ------
    CaseStudyError
        As `read_photo`.
    """
    return _decode(io.BytesIO(content), name, max_pixels)


def write_photo(path: Path, photo: Photo) -> None:
    """Write a photograph in the format that its name ends with, completely or not at all.

    PNG and TIFF lose nothing. JPEG and WebP are written at quality 95, JPEG with colour at full
    resolution. BMP holds no EXIF and no profile, JPEG no EXIF of more than 64 KiB; see
    `as_writable`. WebP holds no `dpi`.

    Parameters
    ----------
    path : Path
        One of `SUFFIXES` at its end.
    photo : Photo

    Raises
    ------
    CaseStudyError
        If the name ends otherwise, if the format cannot hold 16 bits, transparency or so many
        pixels along a side, or if the file cannot be written.
    """
    format = writable_format(path, photo.pixels)
    try:
        with written_whole(path) as temporary:
            if format == "TIFF":
                _write_tiff(temporary, photo)
            else:
                temporary.write_bytes(encode_photo(photo, format))
    except MemoryError:
        raise
    except Exception as error:  # encoders raise anything
        reason = getattr(error, "strerror", None) or error
        raise CaseStudyError(
            f"{path} cannot be written as {format}: {reason}. Choose another folder or format, "
            "or make room."
        ) from error


def encode_photo(photo: Photo, format: str) -> bytes:
    """Return a photograph as a PNG, JPEG, WebP or BMP file in memory; see `write_photo`."""
    if photo.pixels.dtype == np.uint16:
        return _encode_16_bit_png(photo)
    options = {"exif": b"Exif\0\0" + photo.exif} if photo.exif else {}
    if photo.profile:
        options["icc_profile"] = photo.profile
    if photo.dpi:
        options["dpi"] = photo.dpi
    if format in ("JPEG", "WEBP"):
        options["quality"] = 95
    if format == "JPEG":
        options["subsampling"] = 0
    pixels = photo.pixels[..., 0] if photo.pixels.shape[2] == 1 else photo.pixels
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format, **options)
    return encoded.getvalue()


def as_writable(path: Path, photo: Photo) -> Photo:
    """Return a photograph as a file of this name holds it; what it has to lose is a conversion.

    Raises
    ------
    CaseStudyError
        As `write_photo`, if it would lose pixels or their values.
    """
    format = writable_format(path, photo.pixels)
    exif, profile = photo.exif, photo.profile
    if format == "BMP" and (exif or profile):
        exif = profile = b""
        lost = "BMP holds no EXIF and no colour profile; they were left out."
    elif format == "WEBP" and profile and photo.pixels.shape[2] < 3:
        profile = b""
        lost = "WebP holds no grey pixels, so their colour profile was left out."
    elif format == "JPEG" and len(exif) > LONGEST_JPEG_EXIF:
        exif = b""
        lost = f"JPEG holds no EXIF of more than {LONGEST_JPEG_EXIF:,} bytes; it was left out."
    else:
        return photo
    return replace(photo, exif=exif, profile=profile, conversions=(*photo.conversions, lost))


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """Return a `Photo`'s pixels as 8-bit RGB; see `read_image`."""
    pixels = as_8_bits(pixels)
    if pixels.shape[2] < 3:
        return np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def as_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Return a `Photo`'s pixels as uint8: round(v / 257) of 16 bits."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels


def writable_format(path: Path, pixels: np.ndarray) -> str:
    """Return the format that a file of this name is written in; see `write_photo`."""
    format = SUFFIXES.get(path.suffix.lower())
    if format is None:
        raise CaseStudyError(f"{path}: the name must end with {', '.join(SUFFIXES)}.")
    if pixels.dtype == np.uint16 and format not in ("PNG", "TIFF"):
        raise CaseStudyError(f"{path}: {format} cannot hold 16 bits. Write .png or .tif.")
    if pixels.shape[2] in (2, 4) and format in ("JPEG", "BMP"):
        raise CaseStudyError(
            f"{path}: {format} cannot hold transparency. Write .png, .tif or .webp."
        )
    longest = _LONGEST_SIDE.get(format, MAX_PIXELS)
    if max(pixels.shape) > longest:
        raise CaseStudyError(
            f"{path}: {format} cannot hold more than {longest:,} pixels along a side. Write .png "
            "or .tif."
        )
    return format


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
    with _opened(file, name, max_pixels) as image:
        bits = _bits(image, file, name)
        several = getattr(image, "is_animated", False)
        # Also for 16 bits: Pillow notices a file that is cut off, OpenCV does not.
        image.load()
        pixels = _decode_16_bit(file) if bits == 16 else _decode_8_bit(image)
        return _photo(pixels, image, file, several)


@contextmanager
def _opened(file: BinaryIO, name: str, max_pixels: int) -> Iterator[Image.Image]:
    """Open an image file; whatever goes wrong, then or while decoding, the error names it."""
    if not file.read(1):
        raise CaseStudyError(f"{name} is empty. Copy or download it again.")
    file.seek(0)
    # Damaged headers raise anything from IndexError to zlib.error, so every kind is caught.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size and damage are judged here
            with Image.open(file, formats=FORMATS) as image:
                _refuse_huge(image.width * image.height, name, max_pixels)
                yield image
    except (CaseStudyError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise CaseStudyError(
            f"{name} is not a {', '.join(FORMATS)} image that can be read. "
            "Replace it, or convert it to 8- or 16-bit PNG."
        ) from None
    except Image.DecompressionBombError:
        _refuse_huge(np.inf, name, max_pixels)
    except Exception as error:
        raise CaseStudyError(
            f"{name} is damaged or cut off ({error}). Copy or download it again."
        ) from error


def _refuse_huge(pixels: float, name: str, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise CaseStudyError(
            f"{name} declares more than {max_pixels / 1e6:g} megapixels, the most that is "
            "decoded. Replace it, or cut it into smaller images."
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
        bits = max(tags.get(_BITS_PER_SAMPLE, (1,)))
        known = set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))) == {_UNSIGNED}
        if bits == 16:
            known &= tags.get(_PHOTOMETRIC) in (_BLACK_IS_ZERO, _RGB)
            known &= tags.get(_PLANAR, _INTERLEAVED) == _INTERLEAVED
            known &= _PREMULTIPLIED not in tags.get(_EXTRA, ())
    if known and (bits == 16 or (bits <= 8 and image.mode in _MODES_8_BIT)):
        return bits
    raise CaseStudyError(
        f"{name} holds {bits}-bit values of a kind that is not read ({image.mode}). "
        "Convert it to 8- or 16-bit PNG, RGB or grey."
    )


def _decode_8_bit(image: Image.Image) -> np.ndarray:
    mode = _MODES_8_BIT[image.mode]
    if "transparency" in image.info and mode in ("L", "RGB"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    image = image if image.mode == mode else image.convert(mode)
    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        pixels[top : top + _STRIP] = np.atleast_3d(np.asarray(strip))
    return pixels


def _decode_16_bit(file: BinaryIO) -> np.ndarray:
    """Decode with OpenCV, because Pillow cuts 16-bit colour to its upper byte."""
    file.seek(0)
    encoded = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("a 16-bit image that OpenCV does not decode")
    return _red_and_blue_swapped(np.atleast_3d(pixels))


def _red_and_blue_swapped(pixels: np.ndarray) -> np.ndarray:
    """Turn OpenCV's BGR, with or without alpha, into RGB, or back; grey stays."""
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]] if pixels.shape[2] > 2 else pixels


def _photo(pixels: np.ndarray, image: Image.Image, file: BinaryIO, several: bool) -> Photo:
    """Turn pixels upright, and add what the file says about them."""
    conversions = []
    if several:
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
        exif = exif_of_tiff(file) if image.format == "TIFF" else exif_of_others(image, turned)
    except Exception as error:  # as for images, damage raises anything
        exif = b""
        conversions.append(f"Its EXIF is damaged ({error}) and was left out.")
    if orientation in _UPRIGHT:
        pixels = _UPRIGHT[orientation](pixels)
    if orientation in SIDES_CHANGE:
        dpi = dpi[::-1]
    profile = image.info.get("icc_profile") or b""
    # ICC.1:2010, 7.2: the kind of pixels that a profile is for.
    if profile and profile[16:20] != (b"GRAY" if pixels.shape[2] < 3 else b"RGB "):
        profile = b""
        conversions.append("Its colour profile is for other pixels and was left out.")
    return Photo(np.ascontiguousarray(pixels), exif, profile, dpi, tuple(conversions))


def _dpi(image: Image.Image) -> tuple[float, ...]:
    # For a JPEG without it, Pillow returns what EXIF holds, or makes it up.
    stated = image.format == "PNG" or image.info.get("jfif_unit") in (1, 2)
    dpi = image.info.get("dpi", ()) if stated else ()
    return dpi if all(1 <= value <= _MAX_DPI for value in dpi) else ()


def _encode_16_bit_png(photo: Photo) -> bytes:
    pixels = _red_and_blue_swapped(photo.pixels)
    described = {cv2.IMAGE_METADATA_EXIF: photo.exif, cv2.IMAGE_METADATA_ICCP: photo.profile}
    described = {kind: np.frombuffer(v, np.uint8) for kind, v in described.items() if v}
    done, encoded = cv2.imencodeWithMetadata(
        ".png", np.ascontiguousarray(pixels), list(described), list(described.values())
    )
    if not done:
        raise OSError("OpenCV could not encode it")
    return _with_dpi(encoded.tobytes(), photo.dpi)


def _with_dpi(png: bytes, dpi: tuple[float, ...]) -> bytes:
    """Return a PNG with its resolution, which OpenCV does not write, after its first chunk."""
    if not dpi:
        return png
    chunk = io.BytesIO()
    per_meter = [round(value / 0.0254) for value in dpi]
    putchunk(chunk, b"pHYs", struct.pack(">LLB", *per_meter, 1))
    return png[:_AFTER_IHDR] + chunk.getvalue() + png[_AFTER_IHDR:]


def _write_tiff(path: Path, photo: Photo) -> None:
    pixels = photo.pixels
    main, parts = read_directories(io.BytesIO(photo.exif)) if photo.exif else ({}, {})
    resolution = [main.get(tag, 0) for tag in RESOLUTION[:2]]
    unit = main.get(Base.ResolutionUnit)
    # Some scanners write 0/0, which is not a number.
    if all(value > 0 for value in resolution):
        resolution = [float(value) for value in resolution]
    else:
        resolution, unit = (photo.dpi, _INCH) if photo.dpi else (None, None)
    tifffile.imwrite(
        path,
        pixels[..., 0] if pixels.shape[2] == 1 else pixels,
        photometric="rgb" if pixels.shape[2] > 2 else "minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"] if pixels.shape[2] in (2, 4) else None,
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
        byteorder="<",
        iccprofile=photo.profile or None,
        resolution=resolution,
        resolutionunit=unit if unit in (1, 2, 3) else None,
        extratags=[(tag, "s", 0, bytes(main[tag]), True) for tag in TEXTS if tag in main],
    )
    with path.open("rb+") as file:
        append_directories(file, parts)
