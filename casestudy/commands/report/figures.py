"""Figures of executed notebooks: described, and small enough to be part of a page."""

import base64
import io
import re
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from casestudy.files.writing import written_whole

_QUALITY = 88
_THUMBNAIL_WIDTH = 1200  # px
_CARD_WIDTH = 520  # px, twice what a card shows, for screens with a high pixel density


def prepare_figures(notebook: NotebookNode) -> None:
    """Turn PNGs among the outputs into WebP, and describe figures by their heading, in place."""
    heading = "the notebook"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        for output in cell.get("outputs", []):
            if "data" not in output:
                continue
            output.metadata.setdefault("alt", f"Figure in “{heading}”")
            if "image/png" in output.data:
                image = _decode(base64.b64decode(output.data.pop("image/png")))
                output.data["image/webp"] = base64.b64encode(_webp(image)).decode()
                size = {"width": image.width, "height": image.height}
                # A figure for screens with a high pixel density states a size of its own.
                output.metadata["image/webp"] = size | output.metadata.pop("image/png", {})


def write_thumbnail(notebook: NotebookNode, path: Path) -> bool:
    """Write the last image of the cell tagged `thumbnail` as WebP; return whether there is one.

    The notebook's figures come from `prepare_figures`.
    """
    figures = [
        output.data["image/webp"]
        for cell in notebook.cells
        if "thumbnail" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
        if "image/webp" in output.get("data", {})
    ]
    if not figures:
        path.unlink(missing_ok=True)
        return False
    content = _webp(_decode(base64.b64decode(figures[-1])), _THUMBNAIL_WIDTH)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
    return True


def small_copy(path: Path) -> str:
    """Return a thumbnail file, made small enough for a card, in base64."""
    return base64.b64encode(_webp(_decode(path.read_bytes()), _CARD_WIDTH)).decode()


def _decode(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGBA")


def _webp(image: Image.Image, longest_width: int | None = None) -> bytes:
    """Encode an image, without loss unless that takes half as much space again.

    Most plots and enlarged pixels are no larger without loss; whole photographs are.
    """
    if longest_width:
        image.thumbnail((longest_width, image.height))
    encoded = []
    for options in ({"quality": _QUALITY, "use_sharp_yuv": True}, {"lossless": True}):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **options)
        encoded.append(buffer.getvalue())
    lossy, lossless = encoded
    return lossless if len(lossless) < 1.5 * len(lossy) else lossy
