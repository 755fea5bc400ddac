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
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from casestudy import CaseStudyError
from casestudy.files import metadata
from casestudy.files.exif import GEO, RESOLUTION, TEXTS, append_directories, read_directories
from casestudy.files.photos import MAX_PIXELS, SUFFIXES, Photo, red_and_blue_swapped
from casestudy.files.writing import written_whole

# The most pixels along a side, by VP8's header and by libjpeg. Other formats hold any image that
# can be read.
_LONGEST_SIDE = {"WEBP": 16_383, "JPEG": 65_500}

# Bytes. A JPEG's segment states its length in 16 bits, and also holds that length and a name: of
# 6 bytes for EXIF, 29 for XMP, and 14 for IPTC, before a resource of 12 and an even length.
_LONGEST_IN_JPEG = {"exif": 65_535 - 2 - 6, "xmp": 65_535 - 2 - 29, "iptc": 65_535 - 2 - 14 - 13}

# What a `Photo` may hold besides its pixels, and which of it fits into a format.
_CONTENT = {
    "exif": "EXIF",
    "profile": "colour profile",
    "xmp": "XMP",
    "iptc": "IPTC data",
}
_HELD = {
    "PNG": ("exif", "profile", "xmp"),
    "JPEG": ("exif", "profile", "xmp", "iptc"),
    "TIFF": ("exif", "profile", "xmp", "iptc"),
    "WEBP": ("exif", "profile", "xmp"),
    "BMP": (),
}


def write_photo(path: Path, photo: Photo) -> None:
    """Write a photograph in the format that its name ends with, completely or not at all.

    PNG and TIFF lose nothing. JPEG is written at quality 95, with colour at full resolution, and
    so is WebP, unless the photograph is from a lossless one. What else a format cannot hold is
    left out by `as_writable`. WebP holds no `dpi`.

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
    if format == "PNG" and photo.pixels.dtype == np.uint16:
        return metadata.with_chunks(_encode_16_bit_png(photo), _chunks(photo))
    exif = photo.exif and b"Exif\0\0" + photo.exif
    options = {"exif": exif, "icc_profile": photo.profile}
    if format == "WEBP":
        options |= {"xmp": photo.xmp, "lossless": photo.lossless}
    elif format == "JPEG":
        options |= {"xmp": photo.xmp, "dpi": photo.dpi}
    elif format == "BMP":
        options |= {"dpi": photo.dpi}
    options = {name: value for name, value in options.items() if value}
    pixels = photo.pixels[..., 0] if photo.pixels.shape[2] == 1 else photo.pixels
    encoded = io.BytesIO()
    # PNG and BMP take no notice of quality, and only JPEG of subsampling.
    Image.fromarray(pixels).save(encoded, format, quality=95, subsampling=0, **options)
    if format == "PNG":
        return metadata.with_chunks(encoded.getvalue(), _chunks(photo))
    if format == "JPEG" and photo.iptc:
        return metadata.with_iptc(encoded.getvalue(), photo.iptc)
    return encoded.getvalue()


def _chunks(photo: Photo) -> bytes:
    """Return the chunks of a PNG that Pillow and OpenCV do not write, or not alike."""
    chunks = photo.colour
    if photo.dpi:
        per_meter = [round(value / 0.0254) for value in photo.dpi]
        chunks += metadata.png_chunk(b"pHYs", struct.pack(">LLB", *per_meter, 1))
    if photo.xmp:  # not compressed, in no language
        chunks += metadata.png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + photo.xmp)
    return chunks


def as_writable(path: Path, photo: Photo) -> Photo:
    """Remove from a photograph, and list as a conversion, what a file of this name cannot hold.

    Raises
    ------
    CaseStudyError
        As `write_photo`, if pixels or their values would be lost.
    """
    return fitting(photo, writable_format(path, photo.pixels))


def fitting(photo: Photo, format: str) -> Photo:
    """Remove from a photograph, and list as a conversion, what a format cannot hold."""
    lost = [name for name in _CONTENT if getattr(photo, name) and name not in _HELD[format]]
    said = []
    if lost:
        what = " and no ".join(_CONTENT[name] for name in lost)
        said.append(
            f"{format} holds no {what}; {'it was' if len(lost) == 1 else 'they were'} left out."
        )
    if format != "PNG" and metadata.changes_colours(photo.colour) and not photo.profile:
        said.append(f"{format} holds no gAMA, cHRM or cICP, so its colours may look different.")
    if format == "WEBP" and photo.profile and photo.pixels.shape[2] < 3:
        lost.append("profile")
        said.append("WebP holds no grey pixels, so their colour profile was left out.")
    for name, longest in _LONGEST_IN_JPEG.items() if format == "JPEG" else ():
        if len(getattr(photo, name)) > longest:
            lost.append(name)
            said.append(
                f"JPEG holds no {_CONTENT[name]} of more than {longest:,} bytes; it was left out."
            )
    return replace(photo, **dict.fromkeys(lost, b""), conversions=(*photo.conversions, *said))


def writable_format(path: Path, pixels: np.ndarray) -> str:
    """Return the format that a file of this name is written in; see `write_photo`."""
    format = SUFFIXES.get(path.suffix.lower())
    if format is None:
        raise CaseStudyError(f"{path}: the name must end with {', '.join(SUFFIXES)}.")
    if pixels.dtype == np.float32 and format != "TIFF":
        raise CaseStudyError(f"{path}: {format} cannot hold floats. Write .tif.")
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
    return encoded.tobytes()


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
    described = [
        (tag, "B", len(content), content, True)
        for tag, content in ((metadata.XMP_TAG, photo.xmp), (metadata.IPTC_TAG, photo.iptc))
        if content
    ]
    tifffile.imwrite(
        path,
        pixels[..., 0] if pixels.shape[2] == 1 else pixels,
        photometric="rgb" if pixels.shape[2] > 2 else "minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"] if pixels.shape[2] in (2, 4) else None,
        compression="zlib",
        predictor=pixels.dtype != np.float32,
        metadata=None,
        ome=False,
        software=False,
        byteorder="<",
        iccprofile=photo.profile or None,
        resolution=resolution,
        resolutionunit=unit if unit in (1, 2, 3) else None,
        extratags=[*_extra_tags(main), *described],
    )
    with path.open("rb+") as file:
        append_directories(file, parts)


def _extra_tags(main: ImageFileDirectory_v2) -> list[tuple]:
    """Return the texts of a directory, and where on Earth its pixels lie, as tifffile wants it."""
    tags = [(tag, "s", 0, bytes(main[tag]), True) for tag in TEXTS if tag in main]
    places = [tag for tag in GEO if tag in main]
    return tags + [(tag, main.tagtype[tag], len(main[tag]), main[tag], True) for tag in places]
