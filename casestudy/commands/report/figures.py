"""Figures of executed notebooks: described, and small enough to be part of a page."""

import base64
import inspect
import io
import re
from pathlib import Path
from pkgutil import resolve_name

from nbformat import NotebookNode
from PIL import Image

from casestudy.files.writing import written_whole

_MODULES = {
    "plots": "casestudy.results.plots",
    "images": "casestudy.results.images",
    "diagram": "casestudy.models.diagram",
}
_DRAWING = re.compile(r"\b(plots|images|diagram)\.((?:plot|show|draw)_\w+)\(")
_QUALITY = 88
_THUMBNAIL_WIDTH = 1200  # px
_CARD_WIDTH = 520  # px, twice what a card shows, for screens with a high pixel density


def prepare_figures(notebook: NotebookNode) -> None:
    """Turn PNGs among the outputs into WebP, and describe figures in words, in place."""
    heading = "the notebook"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        shown = [output for output in cell.get("outputs", []) if "data" in output]
        figures = [output for output in shown if "image/png" in output.data]
        for output, text in zip(figures, _descriptions(cell.source, len(figures)), strict=True):
            output.metadata.setdefault("alt", f"{text}, in “{heading}”")
        for output in shown:
            output.metadata.setdefault("alt", f"Figure in “{heading}”")
            if "image/png" in output.data:
                image = _decode(base64.b64decode(output.data.pop("image/png")))
                output.data["image/webp"] = base64.b64encode(_webp(image)).decode()
                size = {"width": image.width, "height": image.height}
                # A figure for screens with a high pixel density states a size of its own.
                output.metadata["image/webp"] = size | output.metadata.pop("image/png", {})


def _descriptions(source: str, count: int) -> list[str]:
    """Return what a cell's figures show, by the first lines of the functions that draw them."""
    drawn = []
    for module, function in _DRAWING.findall(source):
        function = resolve_name(f"{_MODULES[module]}.{function}")
        line = inspect.getdoc(function).partition("\n")[0]
        what = re.split(r"[;.]( |$)", line.removeprefix("Draw ").replace("`", ""))[0]
        drawn.append(what[:1].upper() + what[1:])
    if len(drawn) != count:  # such as a figure of matplotlib's own
        return ["Figure"] * count
    return drawn


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
