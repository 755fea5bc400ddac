"""EXIF that other programs wrote, kept byte by byte as far as it holds after denoising."""

import io
import struct
from typing import BinaryIO

from PIL import Image, TiffTags
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from casestudy.files.tiffs import counts_images

# EXIF 2.3: the tags in the first directory of a TIFF that describe the photograph, not the file.
TEXTS = (
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
)
RESOLUTION = (Base.XResolution, Base.YResolution, Base.ResolutionUnit)
# GeoTIFF 1.1: where on Earth the pixels lie; the last two are GDAL's.
GEO = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)

# In EXIF's own directory: PixelXDimension and PixelYDimension.
_SIDES = (Base.ExifImageWidth, Base.ExifImageHeight)

SIDES_CHANGE = (5, 6, 7, 8)  # orientations


def exif_of_others(image: Image.Image, turned: bool) -> bytes:
    """Return the EXIF of a file that is not a TIFF, for an image that is turned upright.

    Only orientation, sides and thumbnail change. All else stays at its place, because the notes
    of camera makers point to places in the block.
    """
    found = image.info.get("exif", b"")
    # Programs still write it to PNGs as before there was a chunk for it (2017).
    if not found and (text := image.info.get("Raw profile type exif")):
        found = bytes.fromhex("".join(text.split("\n")[3:]))  # after its name and length
    return _upright(bytearray(found.removeprefix(b"Exif\0\0")), turned)


def exif_of_tiff(file: BinaryIO, place: int) -> bytes:
    """Return the entries in a TIFF that describe the photograph, for an upright image.

    `place` is that of the photograph's directory in the file.
    """
    main, parts = read_directories(file, place)
    kept = ImageFileDirectory_v2(prefix=b"II")
    for tag in (*TEXTS, *RESOLUTION, *GEO):
        if tag in main and not (tag == Base.ImageDescription and counts_images(main[tag])):
            kept.tagtype[tag] = main.tagtype[tag]
            kept[tag] = main[tag]
    if not kept and not parts:
        return b""
    block = io.BytesIO(b"II*\0" + struct.pack("<L", 8) + kept.tobytes(8))
    append_directories(block, parts)
    return _upright(bytearray(block.getvalue()), main.get(Base.Orientation) in SIDES_CHANGE)


def _upright(block: bytearray, turned: bool) -> bytes:
    if block:
        order = "<" if block[:2] == b"II" else ">"
        first = struct.unpack_from(f"{order}L", block, 4)[0]
        entries, end = _entries(block, order, first)
        if Base.Orientation in entries:
            # Some writers store it in 32 bits instead of 16.
            kind = struct.unpack_from(f"{order}H", block, entries[Base.Orientation] + 2)[0]
            number = "L" if kind == TiffTags.LONG else "H"
            struct.pack_into(order + number, block, entries[Base.Orientation] + 8, 1)
        if turned:
            _swap(block, entries, RESOLUTION[:2])
        if turned and IFD.Exif in entries:
            place = struct.unpack_from(f"{order}L", block, entries[IFD.Exif] + 8)[0]
            _swap(block, _entries(block, order, place)[0], _SIDES)
        # No second directory, of the thumbnail. Some writers end without saying so.
        block.extend(bytes(max(end + 4 - len(block), 0)))
        struct.pack_into(f"{order}L", block, end, 0)
    return bytes(block)


def _entries(block: bytearray, order: str, directory: int) -> tuple[dict[int, int], int]:
    """Return where the entries of a directory are, by tag, and where they end."""
    count = struct.unpack_from(f"{order}H", block, directory)[0]
    end = directory + 2 + 12 * count
    places = range(directory + 2, end, 12)
    return {struct.unpack_from(f"{order}H", block, place)[0]: place for place in places}, end


def _swap(block: bytearray, entries: dict[int, int], tags: tuple[int, int]) -> None:
    """Give two entries, if both are there, each other's type, count and value."""
    if all(tag in entries for tag in tags):
        one, other = (slice(entries[tag] + 2, entries[tag] + 12) for tag in tags)
        block[one], block[other] = block[other], block[one]


def read_directories(
    file: BinaryIO, place: int = 0
) -> tuple[ImageFileDirectory_v2, dict[int, ImageFileDirectory_v2]]:
    """Return a directory of a TIFF, by default the first, and those of EXIF and GPS, if any."""
    file.seek(0)
    header = file.read(8)
    if header[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        header += file.read(8)
    main = _read_directory(file, header, place or ImageFileDirectory_v2(header).next)
    parts = {
        tag: _read_directory(file, header, main[tag], tag)
        for tag in (IFD.Exif, IFD.GPSInfo)
        if tag in main
    }
    return main, {tag: part for tag, part in parts.items() if part}


def _read_directory(
    file: BinaryIO, header: bytes, place: int, group: int | None = None
) -> ImageFileDirectory_v2:
    stored = ImageFileDirectory_v2(header, group=group)
    file.seek(place)
    stored.load(file)
    directory = ImageFileDirectory_v2(prefix=b"II", group=group)
    for tag, value in stored.items():
        if tag != IFD.Interop:  # it points to a place in the old file
            directory.tagtype[tag] = stored.tagtype[tag]
            # Pillow reads bytes as Latin-1, and would write nothing but ASCII.
            directory[tag] = value.encode("latin-1") if isinstance(value, str) else value
    return directory


def append_directories(file: BinaryIO, parts: dict[int, ImageFileDirectory_v2]) -> None:
    """Append directories to a little-endian TIFF, then its first one again, which points to them.

    tifffile cannot write a directory of EXIF. TIFF 6.0: a directory is the number of its entries,
    the entries of 12 bytes in the order of their tags, and the place of the next directory. The
    file's header holds the place of the first.
    """
    file.seek(4)
    file.seek(struct.unpack("<L", file.read(4))[0])
    count = struct.unpack("<H", file.read(2))[0]
    entries = [file.read(12) for _ in range(count)]
    for tag, part in parts.items():
        place = _end(file)
        file.write(part.tobytes(place))
        entries.append(struct.pack("<HHLL", tag, TiffTags.LONG, 1, place))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    place = _end(file)
    file.write(struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4))
    file.seek(4)
    file.write(struct.pack("<L", place))


def _end(file: BinaryIO) -> int:
    """Go to the end of a file, or the even place after it, where a directory may begin."""
    return file.seek(file.seek(0, 2) + file.tell() % 2)
