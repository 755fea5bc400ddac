"""A network drawn from its own layer graph, in the manner of the papers' figures.

Lengths are in inches, and sizes of text in points.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import log2

import keras
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Bbox

from casestudy.models.inspection import block_of, kind_of, layer_graph, pixel_widths

BARS = {
    "image": "#a9b0b6",
    "conv": "#7fb0d0",
    "dilated conv": "#2c6a8c",
    "transposed conv": "#e9b44c",
    "pooling": "#c1543c",
    "enlarging": "#8fb98b",
    "attention": "#9a78b8",
}
DISCS = {"add": "+", "concat": "$\\mathrm{c}$"}
UNDRAWN = ("activation", "cut")
INK, PALE, SKIP = "#3a3f44", "#8a9096", "#4f8a5b"

WIDTH, MARGIN, LEGEND = 10.0, 0.15, 0.5
LANES, BETWEEN, TALLEST = 4.0, 0.42, 1.3  # all lanes, between two lanes, tallest bar
NAME, SHAPE = 8.0, 6.5  # points
POINT = 1 / 72
DISC = 8 * POINT


@dataclass(eq=False)
class Step:
    """A drawn layer, or all layers of one attention."""

    block: str
    kind: str
    channels: int
    pixel_width: int
    shape: str  # of the output, as labels give it
    form: tuple  # equal convolutions in a row are drawn close together
    sources: list["Step"] = field(default_factory=list)
    skips: list["Step"] = field(default_factory=list)  # sources that other sources come after
    earlier: set["Step"] = field(default_factory=set)  # all steps that lead here
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0  # of a bar; discs keep the place that a bar would take

    @property
    def box(self) -> Bbox:
        left, bottom = self.x - self.width / 2, self.y - self.height / 2
        return Bbox.from_bounds(left, bottom, self.width, self.height)

    @property
    def top(self) -> float:
        return self.y + (self.width if self.kind in DISCS else self.height) / 2

    @property
    def label_width(self) -> float:
        texts = TextPath((0, 0), self.block, NAME), TextPath((0, 0), self.shape, SHAPE)
        return max(text.get_extents().width for text in texts) * POINT


def draw_network(model: keras.Model, size: int = 256) -> Figure:
    """Draw a network from left to right: a bar per layer, parallel branches one above the other.

    The height of a bar is the layer's resolution and its width the number of channels, both on a
    logarithmic scale. The name and the output shape of each block stand below it.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    size : int
        Side in pixels of the image that the shapes are for.
    """
    steps = _steps(model, size)
    _set_rows(steps)
    _set_columns(steps)
    fig = plt.figure(layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    top = _draw_lines(ax, steps) + MARGIN
    for step in steps:
        if step.kind in DISCS:
            for line in _disc(step.kind, [step.x], [step.y]):
                ax.add_line(line)
        else:
            bar, colour = step.box, BARS[step.kind]
            ax.add_patch(Rectangle(bar.min, bar.width, bar.height, facecolor=colour, linewidth=0))
    bottom = _draw_labels(ax, steps) - LEGEND
    ax.set(xlim=(-MARGIN, WIDTH - MARGIN), ylim=(bottom, top))
    fig.set_size_inches(WIDTH, top - bottom)
    _draw_legend(fig, steps)
    return fig


def _steps(model: keras.Model, size: int) -> list[Step]:
    """Return the steps to draw, each after all steps that lead to it."""
    pixels = pixel_widths(model)
    drawn: dict[str, Step] = {}  # by layer
    attentions: dict[str, Step] = {}  # by block
    for name, reads in layer_graph(model).items():
        layer = model.get_layer(name)
        block, kind, channels = block_of(name), kind_of(layer), layer.output.shape[-1]
        if kind in UNDRAWN:
            drawn[name] = drawn[reads[0]]
            continue
        kernel = getattr(layer, "kernel_size", None), getattr(layer, "dilation_rate", None)
        shape, form = f"{size // pixels[name]}²×{channels}", (block, kind, channels, *kernel)
        step = Step(block, kind, channels, pixels[name], shape, form)
        if kind == "attention":
            step = attentions.setdefault(block, step)
        drawn[name] = step
        step.sources += [drawn[x] for x in reads if drawn[x] not in (step, *step.sources)]
    steps = list(dict.fromkeys(drawn.values()))
    for step in steps:
        before = set().union(*(source.earlier for source in step.sources))
        step.earlier = before.union(step.sources)
        step.skips = [source for source in step.sources if source in before]
        step.sources = [source for source in step.sources if source not in before]
    return steps


def _set_rows(steps: list[Step]) -> None:
    """Spread the branches that follow a step evenly above and below it."""
    lanes: dict[Step, float] = {}  # 0 in the middle, the next branch above is 1 higher
    for step in steps:
        lanes[step] = sum(lanes[source] for source in step.sources) / max(len(step.sources), 1)
        if len(step.sources) == 1:
            branches = [other for other in steps if step.sources[0] in other.sources]
            lanes[step] += (len(branches) - 1) / 2 - branches.index(step)
    spread = max(lanes.values()) - min(lanes.values())
    tallest = min(TALLEST, (LANES - spread * BETWEEN) / (spread + 1))
    halvings = log2(max(step.pixel_width for step in steps))
    for step in steps:
        step.y = lanes[step] * (tallest + BETWEEN)
        shrunk = log2(step.pixel_width) * min(0.2, 0.88 / max(halvings, 1))
        step.height = tallest * (1 - shrunk)


def _set_columns(steps: list[Step]) -> None:
    """Put each step to the right of its sources, and fill the width of the drawing.

    Discs and labels keep their size, so the scale of bars and gaps is found by iteration.
    """
    most = log2(max(step.channels for step in steps))
    bars = {step: 0.4 + 0.6 * (log2(step.channels) / most) ** 2 for step in steps}
    gaps = _gaps(steps)
    sizes = Counter(step.block for step in steps)
    labels = {step: step.label_width for step in steps if sizes[step.block] == 1}
    total = WIDTH - 2 * MARGIN
    scale, end = 1.0, total
    for _ in range(20):
        scale *= total / end
        ends: dict[Step, float] = {}
        for step in steps:
            step.width = DISC if step.kind in DISCS else scale * bars[step]
            room = max(step.width, labels.get(step, 0))
            left = max((ends[x] + scale * gaps[x, step] for x in step.sources), default=0.0)
            step.x, ends[step] = left + room / 2, left + room
        end = max(ends.values())


def _gaps(steps: list[Step]) -> dict[tuple[Step, Step], float]:
    """Return the gap before each step: wider between blocks, and where branches fan out or in."""
    leaving = Counter(source for step in steps for source in step.sources)
    gaps = {}
    for step in steps:
        for source in step.sources:
            branches = max(leaving[source], len(step.sources))
            gap = 0.1 if source.form == step.form else 0.4 if source.block == step.block else 0.6
            gaps[source, step] = gap + 0.3 * (branches if branches > 1 else 0)
    return gaps


def _draw_lines(ax: Axes, steps: list[Step]) -> float:
    """Connect each step with its sources, with arcs for skips in a lane; return the top."""
    arcs: list[tuple[Step, Step, float]] = []
    for step in steps:
        for source in step.sources:
            _draw_curve(ax, source, step, PALE)
        for source in step.skips:
            if source.y == step.y:
                arcs.append((source, step, _arc_height(source, step, steps, arcs) + 5 * POINT))
                _draw_arc(ax, *arcs[-1])
            else:
                _draw_curve(ax, source, step, SKIP)
    return max([step.box.y1 for step in steps] + [height for *_, height in arcs])


def _arc_height(start: Step, end: Step, steps: list[Step], arcs: list) -> float:
    """Return the top of all steps and arcs that an arc has to pass over."""
    passed = {step for step in steps if start in step.earlier and step in end.earlier}
    passed |= {start, end}
    inner = [height for first, last, height in arcs if {first, last} <= passed]
    return max([step.top for step in passed] + inner)


def _draw_curve(ax: Axes, start: Step, end: Step, colour: str) -> None:
    left, right = start.box.x1, end.box.x0
    middle = (left + right) / 2
    points = [(left, start.y), (middle, start.y), (middle, end.y), (right, end.y)]
    _draw_path(ax, points, [Path.MOVETO] + 3 * [Path.CURVE4], colour)


def _draw_arc(ax: Axes, start: Step, end: Step, height: float) -> None:
    bend = 4 * POINT
    x = [*3 * [start.x], start.x + bend, end.x - bend, *3 * [end.x]]
    y = [start.top, height - bend, *4 * [height], height - bend, end.top]
    line, curve = [Path.LINETO], 2 * [Path.CURVE3]
    codes = [Path.MOVETO, *line, *curve, *line, *curve, *line]
    _draw_path(ax, list(zip(x, y, strict=True)), codes, SKIP)


def _draw_path(ax: Axes, points: list, codes: list, colour: str) -> None:
    path = Path(points, codes)
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=1, zorder=1))


def _disc(kind: str, x: list[float], y: list[float]) -> tuple[Line2D, Line2D]:
    """Return a disc and the sign in it."""
    size = DISC / POINT
    ring = {"marker": "o", "markersize": size, "markeredgewidth": 0.8, "markerfacecolor": "white"}
    sign = {"marker": DISCS[kind], "markersize": 0.6 * size, "markeredgewidth": 0.5}
    return tuple(Line2D(x, y, color=INK, linestyle="", **style) for style in (ring, sign))


def _draw_labels(ax: Axes, steps: list[Step]) -> float:
    """Write the label of each block close below it; return where the lowest label ends."""
    taken = [step.box for step in steps]
    paper = {"facecolor": "white", "linewidth": 0, "pad": 0.5}  # hides lines behind the text
    style = {"ha": "center", "bbox": paper}
    for name in dict.fromkeys(step.block for step in steps):
        members = [step for step in steps if step.block == name]
        last = members[-1]
        middle = (members[0].box.x0 + last.box.x1) / 2
        width, height = last.label_width, (NAME + SHAPE + 3) * POINT
        box = Bbox.from_bounds(middle - width / 2, last.y - height, width, height)
        while below := [other.y0 for other in taken if other.overlaps(box)]:
            box = box.translated(0, min(below) - 3 * POINT - box.y1)
        taken.append(box)
        ax.text(middle, box.y1, name, fontsize=NAME, color=INK, va="top", **style)
        ax.text(middle, box.y0, last.shape, fontsize=SHAPE, color=PALE, va="bottom", **style)
    return min(box.y0 for box in taken)


def _draw_legend(fig: Figure, steps: list[Step]) -> None:
    kinds = {step.kind for step in steps}
    entries = {kind: Patch(color=colour) for kind, colour in BARS.items() if kind in kinds}
    entries |= {kind: _disc(kind, [], []) for kind in DISCS if kind in kinds}
    if any(step.skips for step in steps):
        entries["skip"] = Line2D([], [], color=SKIP)
    fig.legend(
        entries.values(),
        entries,
        title="height: resolution, width: channels, both logarithmic",
        loc="lower center",
        ncols=len(entries),
        frameon=False,
        fontsize=NAME,
        title_fontsize=SHAPE,
    )
