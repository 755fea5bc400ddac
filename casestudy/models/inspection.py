"""The structure of a built network: its layer graph, its blocks and its receptive field.

Layers are named "block.part.layer"; a layer whose name has no dot is a block of its own.
"""

from collections import Counter

import keras
import numpy as np
import pandas as pd
from keras import layers

from casestudy import CaseStudyError
from casestudy.models.hinet import HalfInstanceNorm
from casestudy.models.nafnet import AddScaled, SimpleGate
from casestudy.models.pridnet import CutToSize, Enlarge
from casestudy.models.pytorch import PixelShuffle
from casestudy.models.uformer import Modulator, Roll, WindowAttention

_KINDS = {
    layers.InputLayer: "image",
    layers.Conv2D: "conv",
    layers.DepthwiseConv2D: "depthwise conv",
    layers.Conv2DTranspose: "transposed conv",
    layers.AveragePooling2D: "pooling",
    layers.MaxPooling2D: "pooling",
    Enlarge: "enlarging",
    PixelShuffle: "enlarging",
    layers.LayerNormalization: "norm",
    HalfInstanceNorm: "norm",
    WindowAttention: "window attention",
    Modulator: "modulator",
    Roll: "shift",
    layers.Add: "add",
    AddScaled: "add",
    layers.Concatenate: "concat",
    layers.ReLU: "activation",
    layers.LeakyReLU: "activation",
    SimpleGate: "gate",
    CutToSize: "cut",
}


def layer_graph(model: keras.Model) -> dict[str, list[str]]:
    """Return the names of the layers that each layer reads.

    A layer comes after all layers that it reads. Parallel branches follow each other in the order
    in which they are joined.
    """
    makers = {id(layer.output): layer for layer in model.layers}
    graph: dict[str, list[str]] = {}

    def visit(layer: layers.Layer) -> None:
        if layer.name in graph:
            return
        first = isinstance(layer, layers.InputLayer)
        sources = [] if first else [makers[id(x)] for x in keras.tree.flatten(layer.input)]
        for source in sources:
            visit(source)
        graph[layer.name] = [source.name for source in sources]

    visit(makers[id(model.output)])
    return graph


def block_of(name: str) -> str:
    """Return the block of the layer with this name."""
    return name.partition(".")[0]


def kind_of(layer: layers.Layer) -> str:
    """Return the kind of a layer, as tables and legends name it.

    All layers from a global pooling to the product with its weights are "attention".

    Raises
    ------
    CaseStudyError
        If no network has layers of this type.
    """
    if isinstance(layer, layers.Multiply) or layer.output.shape[1] is not None:
        return "attention"  # the output of its other layers has a fixed size
    if type(layer) not in _KINDS:
        raise CaseStudyError(f"{layer.name}: a {type(layer).__name__} is not of a known kind.")
    kind = _KINDS[type(layer)]
    return "dilated conv" if kind == "conv" and max(layer.dilation_rate) > 1 else kind


def block_table(model: keras.Model, size: int = 256) -> pd.DataFrame:
    """Return one row per block, from input to output.

    Parameters
    ----------
    model : keras.Model
    size : int
        Side in pixels of the image that the shapes are for.

    Returns
    -------
    DataFrame
        By block: output, the shape of its last output, such as "128 × 128 × 64" (height, width,
        channels); parameters, which add up to those of the network; and holds, such as "4 conv,
        1 pooling".
    """
    pixels = pixel_widths(model)
    blocks: dict[str, list[layers.Layer]] = {}
    for layer in map(model.get_layer, layer_graph(model)):
        if kind_of(layer) != "image":
            blocks.setdefault(block_of(layer.name), []).append(layer)
    rows = []
    for block, members in blocks.items():
        # An attention counts once, by its pooling, although several layers compute it.
        pooling = layers.GlobalAveragePooling2D
        counted = (x for x in members if kind_of(x) != "attention" or isinstance(x, pooling))
        kinds = Counter(map(kind_of, counted))
        side, channels = -(-size // pixels[members[-1].name]), members[-1].output.shape[-1]
        rows.append(
            {
                "block": block,
                "output": f"{side} × {side} × {channels}",
                "parameters": sum(layer.count_params() for layer in members),
                "holds": ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
            }
        )
    # The name stands over the index, on the line of the other columns.
    return pd.DataFrame(rows).set_index("block").rename_axis(index=None, columns="block")


def pixel_widths(model: keras.Model) -> dict[str, int]:
    """Return for each layer how many pixels of an image's row one pixel of its output covers."""
    widths: dict[str, int] = {}
    for name, sources in layer_graph(model).items():
        layer = model.get_layer(name)
        _, stride = _window(layer)
        width = max((widths[source] for source in sources), default=1)
        widths[name] = width // stride if _enlarges(layer) else width * stride
    return widths


def analytic_receptive_field(model: keras.Model) -> tuple[int, int]:
    """Return the smallest and largest radius in pixels, by kernel sizes, dilations and strides.

    The radius is the largest distance, in rows or columns, from a pixel of the output to a pixel
    of the image that it depends on. Networks that pool have a radius for each place in the pooled
    grid, hence a smallest and a largest one. Attention is left out: because of its global pooling,
    each pixel depends a little on the whole image.
    """
    # Rows that an output row depends on are traced back through the layers, for each place in the
    # pooled grid. Columns give the same.
    graph = layer_graph(model)
    output, image = next(reversed(graph)), next(iter(graph))
    rows = np.arange(max(pixel_widths(model).values()))
    needed = {output: (rows, rows)}  # first and last row of each layer that any row depends on
    for name, sources in reversed(graph.items()):
        layer = model.get_layer(name)
        if name not in needed or layer.output.shape[1] is not None:
            continue
        first, last = _rows_read(layer, *needed[name])
        for source in sources:
            known_first, known_last = needed.get(source, (first, last))
            needed[source] = (np.minimum(first, known_first), np.maximum(last, known_last))
    first, last = needed[image]
    radius = np.maximum(rows - first, last - rows)
    return int(radius.min()), int(radius.max())


def _enlarges(layer: layers.Layer) -> bool:
    return isinstance(layer, layers.Conv2DTranspose | Enlarge | PixelShuffle)


def _window(layer: layers.Layer) -> tuple[int, int]:
    """Return the side of a layer's window, in pixels of its larger grid, and its stride."""
    match layer:
        case layers.Conv2D() | layers.Conv2DTranspose() | layers.DepthwiseConv2D():
            return (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1, layer.strides[0]
        case layers.AveragePooling2D() | layers.MaxPooling2D():
            return layer.pool_size[0], layer.strides[0]
        case Enlarge():
            return 2 * layer.factor, layer.factor
        case PixelShuffle():
            return 2, 2
    return 1, 1


def _rows_read(layer: layers.Layer, first, last):
    """Return the first and last input row that the output rows from first to last depend on."""
    window, stride = _window(layer)
    before = (window - stride) // 2  # rows of padding
    if _enlarges(layer):
        return -((window - 1 - before - first) // stride), (last + before) // stride
    return first * stride - before, last * stride - before + window - 1
