"""Figures of executed notebooks: small enough to share inside a page."""

import base64
import io
import re
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from casestudy.files.writing import written_whole

_QUALITY = 88
_THUMBNAIL_WIDTH = 1200  # px
_CARD_WIDTH = 520  # px; a card shows half of that, and fine screens have two pixels for one


def shrink_figures(notebook: NotebookNode) -> None:
    """Turn every PNG among a notebook's outputs into WebP, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                image = _decode(data.pop("image/png"))
                data["image/webp"] = base64.b64encode(_webp(image)).decode()
                sizes = output.metadata.pop("image/png", {})  # of a figure for fine screens
                output.metadata["image/webp"] = {"width": image.width, "height": image.height}
                output.metadata["image/webp"] |= sizes


def describe_figures(notebook: NotebookNode) -> None:
    """Give each figure without a description one: the heading it stands under."""
    heading = "the notebook"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        for output in cell.get("outputs", []):
            if "data" in output:
                output.metadata.setdefault("alt", f"Figure in “{heading}”")


def write_thumbnail(notebook: NotebookNode, path: Path) -> bool:
    """Write the last image of the cell tagged `thumbnail`; return whether there is one.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With figures as `shrink_figures` leaves them.
    path : Path
        The WebP file, at most 1200 px wide.
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
    image = _decode(figures[-1])
    image.thumbnail((_THUMBNAIL_WIDTH, image.height))
    with written_whole(path) as temporary:
        temporary.write_bytes(_webp(image))
    return True


def small_copy(path: Path) -> str:
    """Return a thumbnail file, made small enough for a card, in base64."""
    image = _decode(base64.b64encode(path.read_bytes()).decode())
    image.thumbnail((_CARD_WIDTH, image.height))
    return base64.b64encode(_webp(image)).decode()


def _decode(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    opaque = not image.has_transparency_data or image.convert("RGBA").getextrema()[3][0] == 255
    return image.convert("RGB" if opaque else "RGBA")


def _webp(image: Image.Image) -> bytes:
    """Encode without loss where that is smaller, as it is for most plots."""
    encoded = []
    for options in ({"quality": _QUALITY, "use_sharp_yuv": True}, {"lossless": True}):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **options)
        encoded.append(buffer.getvalue())
    return min(encoded, key=len)
