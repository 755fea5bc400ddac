"""Write photographs in common formats, and report everything that a format cannot hold."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import putchunk

from casestudy import CaseStudyError
from casestudy.files.exif import RESOLUTION, TEXTS, append_directories, read_directories
from casestudy.files.photos import MAX_PIXELS, SUFFIXES, Photo, red_and_blue_swapped
from casestudy.files.writing import written_whole

# The most pixels along a side, by VP8's header and by libjpeg. Other formats hold any image that
# can be read.
_LONGEST_SIDE = {"WEBP": 16_383, "JPEG": 65_500}

# Bytes. A JPEG segment states its length in 16 bits, and also holds that length and "Exif" with
# two zeros.
LONGEST_JPEG_EXIF = 65_535 - 2 - 6

# Where a PNG's first chunk ends: signature 8, length 4, type 4, content 13, checksum 4.
_AFTER_IHDR = 33


def write_photo(path: Path, photo: Photo) -> None:
    """Write a photograph in the format that its name ends with, completely or not at all.

    PNG and TIFF lose nothing. JPEG and WebP are written at quality 95, JPEG with colour at full
    resolution. BMP holds no EXIF and no profile, JPEG no EXIF of more than 64 KiB; see
    `as_writable`. WebP holds no `dpi`.

    Raises
    ------
    CaseStudyError
        If the name does not end with one of `casestudy.files.photos.SUFFIXES`, the format cannot
        hold 16 bits, transparency or the number of pixels along a side, or the file cannot be
        written.
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
    exif = photo.exif and b"Exif\0\0" + photo.exif
    options = {"exif": exif, "icc_profile": photo.profile, "dpi": photo.dpi}
    options = {name: value for name, value in options.items() if value}
    pixels = photo.pixels[..., 0] if photo.pixels.shape[2] == 1 else photo.pixels
    encoded = io.BytesIO()
    # PNG and BMP take no notice of quality, and only JPEG of subsampling.
    Image.fromarray(pixels).save(encoded, format, quality=95, subsampling=0, **options)
    return encoded.getvalue()


def as_writable(path: Path, photo: Photo) -> Photo:
    """Remove from a photograph, and list as a conversion, what a file of this name cannot hold.

    Raises
    ------
    CaseStudyError
        As `write_photo`, if pixels or their values would be lost.
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


def _encode_16_bit_png(photo: Photo) -> bytes:
    pixels = red_and_blue_swapped(photo.pixels)
    described = {cv2.IMAGE_METADATA_EXIF: photo.exif, cv2.IMAGE_METADATA_ICCP: photo.profile}
    described = {kind: np.frombuffer(v, np.uint8) for kind, v in described.items() if v}
    done, encoded = cv2.imencodeWithMetadata(
        ".png", np.ascontiguousarray(pixels), list(described), list(described.values())
    )
    if not done:
        raise OSError("OpenCV could not encode it")
    png, chunk = encoded.tobytes(), io.BytesIO()
    if photo.dpi:  # OpenCV does not write it
        per_meter = [round(value / 0.0254) for value in photo.dpi]
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
        resolution, unit = (photo.dpi, 2) if photo.dpi else (None, None)  # 2: per inch
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
