"""Two versions of a photograph under one divider: HTML for notebooks, reports and the web app."""

import base64
import io
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from casestudy import CaseStudyError

_TEMPLATE = jinja2.Template(
    Path(__file__).with_suffix(".html.j2").read_text(encoding="utf-8"),
    autoescape=True,
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_COLUMNS = 640  # screen pixels across that a small image is brought near to


def slider_html(
    before: np.ndarray,
    after: np.ndarray,
    labels: tuple[str, str] = ("noisy", "denoised"),
    max_side: int = 1600,
) -> str:
    """Return an image before and after as a piece of HTML that needs nothing else.

    A divider, moved by mouse, touch or arrow keys, shows more of one or of the other. Buttons and
    a double click enlarge both until single pixels show. Without scripts, and in print, the
    images are side by side.

    Parameters
    ----------
    before, after : ndarray, shape (H, W, 3), uint8 or float in [0, 1]
        Of the same size.
    labels : (str, str)
        What each is, as plain text.
    max_side : int
        Longest side in pixels that is stored without loss, which takes two to three bytes per
        pixel of a noisy image. A larger image is reduced to this side and compressed, and a note
        says so.

    Raises
    ------
    CaseStudyError
        If the two differ in size.
    """
    if before.shape != after.shape:
        raise CaseStudyError(
            f"Images of shapes {before.shape} and {after.shape} cannot be compared under a "
            "divider. Give both the same size."
        )
    height, width = before.shape[:2]
    images = [Image.fromarray(_levels(image)) for image in (before, after)]
    reduced = max(height, width) > max_side
    for image in images:
        image.thumbnail((max_side, max_side))  # does nothing to a smaller image
    shown = images[0].width
    return _TEMPLATE.render(
        layers=[
            (label, _webp(image, lossless=not reduced))
            for label, image in zip(labels, images, strict=True)
        ],
        width=shown,
        height=images[0].height,
        columns=shown * max(1, round(_COLUMNS / shown)),
        ratio=round(shown / images[0].height, 4),
        note=f"reduced from {width} × {height} pixels" if reduced else "",
    )


def _levels(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _webp(image: Image.Image, lossless: bool) -> str:
    buffer = io.BytesIO()
    # More effort takes ten times as long for a few percent less.
    options = (
        {"lossless": True, "method": 0} if lossless else {"quality": 90, "use_sharp_yuv": True}
    )
    image.save(buffer, "WEBP", **options)
    return base64.b64encode(buffer.getvalue()).decode()
