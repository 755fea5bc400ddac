"""A network drawn from its own layer graph, in the manner of the papers' figures.

Lengths are in units of the drawing, in which a layer of full resolution is 1 high; `inch` and
`point` are an inch and a point in these units.
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

WIDTH, MARGIN, LEGEND = 10.0, 0.15, 0.5  # inches
LANES, BETWEEN, TALLEST = 4.0, 0.42, 1.3  # inches: all lanes, between two lanes, tallest bar
NAME, SHAPE, DISC = 8.0, 6.5, 8.0  # points: sizes of text, and a disc's diameter


@dataclass(eq=False)
class Step:
    """A drawn layer, or all layers of one attention."""

    name: str
    kind: str
    channels: int
    pixel_width: int
    form: tuple  # equal convolutions in a row are drawn close together
    sources: list["Step"] = field(default_factory=list)
    skips: list["Step"] = field(default_factory=list)  # sources that other sources lead on from
    earlier: set["Step"] = field(default_factory=set)  # all that lead here
    lane: float = 0.0  # 0 in the middle, the next branch above is 1 higher
    y: float = 0.0
    x: float = 0.0
    width: float = 0.0
    height: float = 0.0  # of a bar

    @property
    def block(self) -> str:
        return block_of(self.name)

    @property
    def box(self) -> Bbox:
        left, bottom = self.x - self.width / 2, self.y - self.height / 2
        return Bbox.from_bounds(left, bottom, self.width, self.height)

    @property
    def top(self) -> float:
        return self.y + (self.width if self.kind in DISCS else self.height) / 2


def draw_network(model: keras.Model, size: int = 256) -> Figure:
    """Draw a network from left to right: a bar per layer, parallel branches one above the other.

    Bars are as high as the layer's resolution and as wide as its channels, both on a logarithmic
    scale. Below each block stand its name and the shape of its output.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`.
    size : int
        Side in pixels of the image that the shapes are given for.
    """
    steps = _steps(model)
    _set_heights(steps)
    _set_lanes(steps)
    spread = max(step.lane for step in steps) - min(step.lane for step in steps)
    inch = 1 / min(TALLEST, (LANES - spread * BETWEEN) / (spread + 1))
    point = inch / 72
    for step in steps:
        step.y = step.lane * (1 + BETWEEN * inch)
    last = {step.block: step for step in steps}
    labels = {block: Label(step, size, point) for block, step in last.items()}
    _set_columns(steps, labels, (WIDTH - 2 * MARGIN) * inch, point)

    fig = plt.figure(layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    top = _draw_lines(ax, steps, point) + MARGIN * inch
    for step in steps:
        _draw_step(ax, step)
    bottom = _draw_labels(ax, steps, labels, point) - LEGEND * inch
    ax.set(xlim=(-MARGIN * inch, (WIDTH - MARGIN) * inch), ylim=(bottom, top))
    fig.set_size_inches(WIDTH, (top - bottom) / inch)
    _draw_legend(fig, steps)
    return fig


class Label:
    """Name and output shape of a block, given by the block's last step."""

    def __init__(self, last: Step, size: int, point: float):
        self.name = last.block
        self.shape = f"{size // last.pixel_width}²×{last.channels}"
        self.width = point * max(_text_width(self.name, NAME), _text_width(self.shape, SHAPE))
        self.height = point * (NAME + SHAPE + 3)

    def box(self, middle: float, top: float) -> Bbox:
        return Bbox.from_bounds(
            middle - self.width / 2, top - self.height, self.width, self.height
        )


def _text_width(text: str, points: float) -> float:
    return TextPath((0, 0), text, size=points).get_extents().width


def _steps(model: keras.Model) -> list[Step]:
    """Return what is drawn, each step after all that lead to it."""
    pixels = pixel_widths(model)
    drawn: dict[str, Step] = {}  # by layer
    attentions: dict[str, Step] = {}  # by block
    for name, reads in layer_graph(model).items():
        layer = model.get_layer(name)
        kind, channels = kind_of(layer), layer.output.shape[-1]
        if kind in UNDRAWN:
            drawn[name] = drawn[reads[0]]
            continue
        kernel = getattr(layer, "kernel_size", None), getattr(layer, "dilation_rate", None)
        step = Step(name, kind, channels, pixels[name], (block_of(name), kind, channels, *kernel))
        if kind == "attention":
            step = attentions.setdefault(step.block, step)
        drawn[name] = step
        step.sources += [drawn[x] for x in reads if drawn[x] not in (step, *step.sources)]
    steps = list(dict.fromkeys(drawn.values()))
    for step in steps:
        _tell_skips_apart(step)
    return steps


def _tell_skips_apart(step: Step) -> None:
    before = set().union(*(source.earlier for source in step.sources))
    step.earlier = before.union(step.sources)
    step.skips = [source for source in step.sources if source in before]
    step.sources = [source for source in step.sources if source not in before]


def _set_heights(steps: list[Step]) -> None:
    halvings = log2(max(step.pixel_width for step in steps))
    for step in steps:
        step.height = 1 - log2(step.pixel_width) * min(0.2, 0.88 / max(halvings, 1))


def _set_lanes(steps: list[Step]) -> None:
    """Spread the branches that follow a step evenly above and below it."""
    for step in steps:
        if len(step.sources) == 1:
            branches = [other for other in steps if step.sources[0] in other.sources]
            step.lane = step.sources[0].lane + (len(branches) - 1) / 2 - branches.index(step)
        elif step.sources:
            step.lane = sum(source.lane for source in step.sources) / len(step.sources)


def _set_columns(steps: list[Step], labels: dict[str, Label], total: float, point: float) -> None:
    """Put each step to the right of its sources, and make the drawing as wide as wanted.

    Discs and labels keep their size, so the scale of bars and gaps is found step by step.
    """
    bars, gaps = _bar_widths(steps), _gaps(steps)
    sizes = Counter(step.block for step in steps)
    scale, end = 1.0, total
    for _ in range(20):
        scale *= total / end
        ends: dict[Step, float] = {}
        for step in steps:
            step.width = DISC * point if step.kind in DISCS else scale * bars[step]
            room = labels[step.block].width if sizes[step.block] == 1 else 0
            room = max(room, step.width)
            left = max((ends[x] + scale * gaps[x, step] for x in step.sources), default=0.0)
            step.x, ends[step] = left + room / 2, left + room
        end = max(ends.values())


def _bar_widths(steps: list[Step]) -> dict[Step, float]:
    most = log2(max(step.channels for step in steps))
    return {step: 0.4 + 0.6 * (log2(step.channels) / most) ** 2 for step in steps}


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


def _draw_lines(ax: Axes, steps: list[Step], point: float) -> float:
    """Draw what each step reads; skips within a lane as arcs. Return how high they reach."""
    arcs: list[tuple[Step, Step, float]] = []
    for step in steps:
        for source in step.sources:
            _draw_curve(ax, source, step, PALE)
        for source in step.skips:
            if source.y == step.y:
                arcs.append((source, step, _arc_height(source, step, steps, arcs) + 5 * point))
                _draw_arc(ax, *arcs[-1], bend=4 * point)
            else:
                _draw_curve(ax, source, step, SKIP)
    return max([step.box.y1 for step in steps] + [height for *_, height in arcs])


def _arc_height(start: Step, end: Step, steps: list[Step], arcs: list) -> float:
    """Return the height of all that an arc has to pass over."""
    passed = {step for step in steps if start in step.earlier and step in end.earlier}
    passed |= {start, end}
    inner = [height for first, last, height in arcs if {first, last} <= passed]
    return max([step.top for step in passed] + inner)


def _draw_curve(ax: Axes, start: Step, end: Step, colour: str) -> None:
    left, right = start.box.x1, end.box.x0
    middle = (left + right) / 2
    points = [(left, start.y), (middle, start.y), (middle, end.y), (right, end.y)]
    _draw_path(ax, Path(points, [Path.MOVETO] + 3 * [Path.CURVE4]), colour)


def _draw_arc(ax: Axes, start: Step, end: Step, height: float, bend: float) -> None:
    points = [
        (start.x, start.top),
        (start.x, height - bend),
        (start.x, height),
        (start.x + bend, height),
        (end.x - bend, height),
        (end.x, height),
        (end.x, height - bend),
        (end.x, end.top),
    ]
    line, curve = [Path.LINETO], 2 * [Path.CURVE3]
    _draw_path(ax, Path(points, [Path.MOVETO, *line, *curve, *line, *curve, *line]), SKIP)


def _draw_path(ax: Axes, path: Path, colour: str) -> None:
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=1, zorder=1))


def _draw_step(ax: Axes, step: Step) -> None:
    if step.kind in DISCS:
        for line in _disc(step.kind, [step.x], [step.y]):
            ax.add_line(line)
    else:
        bar, colour = step.box, BARS[step.kind]
        ax.add_patch(Rectangle(bar.min, bar.width, bar.height, facecolor=colour, linewidth=0))


def _disc(kind: str, x: list[float], y: list[float]) -> tuple[Line2D, Line2D]:
    """Return a disc and the sign in it."""
    ring = {"marker": "o", "markersize": DISC, "markeredgewidth": 0.8, "markerfacecolor": "white"}
    sign = {"marker": DISCS[kind], "markersize": 0.6 * DISC, "markeredgewidth": 0.5}
    return tuple(Line2D(x, y, color=INK, linestyle="", **style) for style in (ring, sign))


def _draw_labels(ax: Axes, steps: list[Step], labels: dict[str, Label], point: float) -> float:
    """Write each label close below its block; return where the lowest ends."""
    taken = [step.box for step in steps]
    paper = {"facecolor": "white", "linewidth": 0, "pad": 0.5}  # hides lines behind the text
    for name, label in labels.items():
        members = [step for step in steps if step.block == name]
        middle = (members[0].box.x0 + members[-1].box.x1) / 2
        box = label.box(middle, members[-1].y)
        while below := [other.y0 for other in taken if other.overlaps(box)]:
            box = label.box(middle, min(below) - 3 * point)
        taken.append(box)
        style = {"ha": "center", "bbox": paper}
        ax.text(middle, box.y1, label.name, fontsize=NAME, color=INK, va="top", **style)
        ax.text(middle, box.y0, label.shape, fontsize=SHAPE, color=PALE, va="bottom", **style)
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
