"""TIFF files: which of their images is the photograph, and whether it can be read."""

import logging
from dataclasses import dataclass
from typing import BinaryIO

from tifffile import COMPRESSION, PHOTOMETRIC, SAMPLEFORMAT, TiffFile, TiffPage

from casestudy import CaseStudyError

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # damage is reported by our own message

_RAW = PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW
_REDUCED, _MASK = 1, 4  # TIFF 6.0, NewSubfileType
_DEFLATE = COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE
# What OpenCV reads, and what Pillow reads of at most 8 bits.
_USUAL = COMPRESSION.NONE, COMPRESSION.LZW, *_DEFLATE, COMPRESSION.PACKBITS
_OF_8_BITS = (
    *_USUAL,
    COMPRESSION.CCITTRLE,
    COMPRESSION.CCITTFAX3,
    COMPRESSION.CCITTFAX4,
    COMPRESSION.JPEG,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
)


@dataclass(frozen=True)
class TiffImage:
    """The photograph in a TIFF file."""

    index: int  # among the file's images
    place: int  # of its directory in the file
    height: int
    width: int
    several: bool  # whether the file holds others that are not reduced copies
    floats: bool  # whether pixels are numbers of 32 bits with a fraction
    counted: bool  # whether its description counts images
    unknown_samples: bool  # a channel that is neither colour nor transparency, such as infrared
    profile: bytes  # ICC


def is_tiff(file: BinaryIO) -> bool:
    """Return whether a file begins as a TIFF or BigTIFF does."""
    file.seek(0)
    return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def photograph(file: BinaryIO, name: str) -> TiffImage:
    """Return the first image of a TIFF that is neither a reduced copy of another nor a mask.

    Raises
    ------
    CaseStudyError
        If the file holds the raw data of a sensor, whose other images are previews, or if its
        compression is not read.
    """
    file.seek(8)
    of_canon = file.read(2) == b"CR"
    file.seek(0)
    with TiffFile(file) as tiff:
        pages = list(tiff.pages)
        inner = [page for outer in pages for page in outer.pages or ()]
        if of_canon or any(page.photometric in _RAW for page in (*pages, *inner)):
            raise CaseStudyError(
                f"{name} is a raw file: its pixels are still those of the sensor. Develop it to "
                "TIFF or PNG in a raw converter."
            )
        whole = [page for page in pages if not page.subfiletype & (_REDUCED | _MASK)] or pages
        _refuse_compressed(whole[0], name)
        return _described(whole[0], pages.index(whole[0]), len(whole) > 1)


def counts_images(description: bytes) -> bool:
    """Return whether a description, by ImageJ or of OME-TIFF, counts the images in its file."""
    return description.startswith(b"ImageJ=") or b"<OME" in description


def _refuse_compressed(page: TiffPage, name: str) -> None:
    if page.compression not in (_OF_8_BITS if page.bitspersample <= 8 else _USUAL):
        kind = getattr(page.compression, "name", f"method {page.compression}")
        raise CaseStudyError(
            f"{name} is compressed by {kind}, which is not read here at {page.bitspersample} "
            "bits. Save it with LZW or Deflate."
        )


def _described(page: TiffPage, index: int, several: bool) -> TiffImage:
    return TiffImage(
        index,
        page.offset,
        page.imagelength,
        page.imagewidth,
        several,
        floats=page.sampleformat == SAMPLEFORMAT.IEEEFP and page.bitspersample == 32,
        counted=counts_images(page.description.encode()),
        unknown_samples=0 in page.extrasamples,
        profile=page.iccprofile or b"",
    )
