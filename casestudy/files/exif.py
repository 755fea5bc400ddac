"""EXIF of other programs' files: what still holds after denoising, byte by byte."""

import io
import struct
from typing import BinaryIO

from PIL import Image, TiffTags
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

# Where PNGs held EXIF before there was a chunk for it (2017), as programs still write it.
_EXIF_AS_TEXT = "Raw profile type exif"

# EXIF 2.3: what the first directory of a TIFF says about a photograph, and not about its file.
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

# In EXIF's own directory: PixelXDimension and PixelYDimension.
_SIDES = (Base.ExifImageWidth, Base.ExifImageHeight)

SIDES_CHANGE = (5, 6, 7, 8)  # orientations


def exif_of_others(image: Image.Image, turned: bool) -> bytes:
    """Return EXIF as it is in the file, but for orientation, sides and thumbnail."""
    found = image.info.get("exif", b"")
    if not found and (text := image.info.get(_EXIF_AS_TEXT)):
        found = bytes.fromhex("".join(text.split("\n")[3:]))  # after its name and length
    block = bytearray(found.removeprefix(b"Exif\0\0"))
    if block:
        order = "<" if block[:2] == b"II" else ">"
        first = struct.unpack_from(f"{order}L", block, 4)[0]
        entries, end = _entries(block, order, first)
        if Base.Orientation in entries:
            struct.pack_into(f"{order}H", block, entries[Base.Orientation] + 8, 1)
        if turned:
            _swap_entries(block, entries, RESOLUTION[:2])
        if turned and IFD.Exif in entries:
            place = struct.unpack_from(f"{order}L", block, entries[IFD.Exif] + 8)[0]
            _swap_entries(block, _entries(block, order, place)[0], _SIDES)
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


def _swap_entries(block: bytearray, entries: dict[int, int], tags: tuple[int, int]) -> None:
    """Give two entries, if both are there, each other's type, count and value."""
    if all(tag in entries for tag in tags):
        one, other = (slice(entries[tag] + 2, entries[tag] + 12) for tag in tags)
        block[one], block[other] = block[other], block[one]


def exif_of_tiff(file: BinaryIO) -> bytes:
    """Return what the directories of a TIFF say about the photograph."""
    main, parts = read_directories(file)
    if main.get(Base.Orientation) in SIDES_CHANGE:
        _swap_values(main, RESOLUTION[:2])
        _swap_values(parts.get(IFD.Exif, {}), _SIDES)
    kept = ImageFileDirectory_v2(prefix=b"II")
    for tag in (*TEXTS, *RESOLUTION):
        if tag in main:
            kept.tagtype[tag] = main.tagtype[tag]
            kept[tag] = main[tag]
    if not kept and not parts:
        return b""
    block = io.BytesIO(b"II*\0" + struct.pack("<L", 8) + kept.tobytes(8))
    append_directories(block, parts)
    return block.getvalue()


def _swap_values(directory: ImageFileDirectory_v2, tags: tuple[int, int]) -> None:
    if all(tag in directory for tag in tags):
        one, other = tags
        for values in (directory.tagtype, directory):
            values[one], values[other] = values[other], values[one]


def read_directories(
    file: BinaryIO,
) -> tuple[ImageFileDirectory_v2, dict[int, ImageFileDirectory_v2]]:
    """Return the first directory of a TIFF or of EXIF, and those of EXIF and GPS, if any."""
    file.seek(0)
    header = file.read(8)
    if header[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        header += file.read(8)
    main = _read_directory(file, header, ImageFileDirectory_v2(header).next)
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

    TIFF 6.0: a directory is the number of its entries, the entries of 12 bytes in the order of
    their tags, and the place of the next one; the file's header holds the place of the first.
    tifffile writes no directory of EXIF.
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
    """Go to the end of a file, and to an even place, where directories have to begin."""
    return file.seek(file.seek(0, 2) + file.tell() % 2)
