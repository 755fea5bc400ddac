"""What a photograph's file says besides pixels, EXIF and profile."""

import re
import struct
import zlib
from typing import BinaryIO

from PIL import Image

# PNG, third edition: the chunks that say what colours the values stand for.
_COLOUR = b"cICP", b"mDCV", b"cLLI", b"gAMA", b"cHRM", b"sRGB"
_SIGNATURE = 8  # bytes before the first chunk

XMP_TAG, IPTC_TAG = 700, 33723  # of a TIFF
_IPTC = 0x0404  # among the resources of Photoshop, which a JPEG's segment APP13 holds

# What may follow the picture of a JPEG, or lie among its segments. A video begins with a box of
# this kind (ISO 14496-12); gain maps are named by Adobe, ISO 21496-1 and Apple.
_VIDEO = re.compile(rb"\xff\xd9.{4}ftyp", re.DOTALL)
_GAIN_MAP = re.compile(rb"hdrgm:|urn:iso:std:iso:ts:21496:-1|HDRGainMap")
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")


def companions(file: BinaryIO) -> list[str]:
    """Return what a JPEG holds besides its picture, as sentences that say it was left out."""
    file.seek(0)
    content = file.read()
    found = {"video (motion photo)": _VIDEO, "HDR gain map": _GAIN_MAP}
    return [f"Its {name} was left out." for name, kind in found.items() if kind.search(content)]


def xmp_of(image: Image.Image) -> bytes:
    """Return the XMP of an open image, for pixels that are turned upright."""
    found = image.info.get("xmp", b"")
    found = found.encode() if isinstance(found, str) else bytes(found)
    return _ORIENTATION.sub(rb"\g<1>1", found)


def iptc_of(image: Image.Image) -> bytes:
    """Return the IPTC data of an open JPEG or TIFF."""
    if image.format == "TIFF":
        return bytes(image.tag_v2.get(IPTC_TAG, b""))
    return bytes(image.info.get("photoshop", {}).get(_IPTC, b""))


def with_iptc(jpeg: bytes, iptc: bytes) -> bytes:
    """Return a JPEG with IPTC data, which Pillow does not write, in a segment after the first."""
    resource = b"8BIM" + struct.pack(">HHL", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    content = b"Photoshop 3.0\0" + resource
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    end = 4 + struct.unpack(">H", jpeg[4:6])[0]  # of the first segment, after SOI and its marker
    return jpeg[:end] + segment + jpeg[end:]


def png_colour(file: BinaryIO, channels: int) -> bytes:
    """Return the chunks of a PNG that describe its colours, for a PNG of so many channels."""
    file.seek(_SIGNATURE)
    found = b""
    while (start := file.read(8))[4:] not in (b"IDAT", b"IEND", b""):
        length, kind = struct.unpack(">L4s", start)
        rest = file.read(length + 4)
        # sBIT has a byte for each channel, of which a palette has become more.
        if kind in _COLOUR or (kind == b"sBIT" and length == channels):
            found += start + rest
    return found


def changes_colours(chunks: bytes) -> bool:
    """Return whether a picture without these chunks of a PNG is shown in other colours."""
    return any(kind in chunks for kind in (b"cICP", b"gAMA", b"cHRM"))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG: length, kind, content and checksum."""
    checksum = struct.pack(">L", zlib.crc32(kind + content))
    return struct.pack(">L", len(content)) + kind + content + checksum


def with_chunks(png: bytes, chunks: bytes) -> bytes:
    """Return a PNG with chunks added after its first one, which has 13 bytes of content."""
    place = _SIGNATURE + 8 + 13 + 4
    return png[:place] + chunks + png[place:]
