"""Convert networks to ONNX, which darktable, chaiNNer and other photo programs run.

`pip install '.[onnx]'`.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from onnx import compose, helper, parser

from casestudy.denoising.convert import in_one_piece, quietly
from casestudy.models import NETWORKS

OPSET, VERSION = 17, 8  # widely supported in 2026
HEAD = f'<ir_version: {VERSION}, opset_import: ["": {OPSET}]>'
# Lengthens an axis to the next multiple of some pixels by mirroring its end, again and again.
LENGTHEN = """
    place{axis} = Constant <value_int: int = {place}> ()
    length{axis} = Gather (size, place{axis})
    negative{axis} = Neg (length{axis})
    missing{axis} = Mod (negative{axis}, multiple)
    whole{axis} = Add (length{axis}, missing{axis})
    there{axis} = Range (zero, whole{axis}, one)
    twice{axis} = Add (length{axis}, length{axis})
    turn{axis} = Mod (there{axis}, twice{axis})
    end{axis} = Sub (twice{axis}, one)
    back{axis} = Sub (end{axis}, turn{axis})
    index{axis} = Min (turn{axis}, back{axis})
    {result} = Gather <axis: int = {axis}> ({source}, index{axis})
"""
# Input, output and their axes have the names that darktable's own models give them.
PAD = """
pad (float[batch_size, 3, height, width] input)
    => (float[batch_size, 3, rows, columns] padded, int64[2] size) {{
    size = Shape <start: int = 2> (input)
    zero = Constant <value_int: int = 0> ()
    one = Constant <value_int: int = 1> ()
    multiple = Constant <value_int: int = {multiple}> ()
    {rows}
    {columns}
}}
"""
CUT = """
cut (float[batch_size, 3, rows, columns] denoised, int64[2] size)
    => (float[batch_size, 3, height, width] output) {
    start = Constant <value_ints: ints = [0, 0]> ()
    axes = Constant <value_ints: ints = [2, 3]> ()
    output = Slice (denoised, start, size, axes)
}
"""


def to_onnx(model: keras.Model) -> onnx.ModelProto:
    """Return a network from `casestudy.models.build` as an ONNX model for images of any size.

    "input" and "output" are float32, (N, 3, H, W), sRGB in [0, 1], not clipped. The model mirrors
    images at the right and bottom up to a size that the network takes, and cuts the result, as
    `casestudy.denoising.tiles.padded` does.
    """
    noisy = keras.Input((3, None, None), name="padded")
    denoised = in_one_piece(model)(layers.Permute((2, 3, 1))(noisy))
    whole = keras.Model(noisy, layers.Permute((3, 1, 2))(denoised))
    whole(np.zeros((1, 3, 64, 64), np.float32))  # Keras exports only what was called before
    with tempfile.TemporaryDirectory() as folder, quietly():
        file = Path(folder) / "network.onnx"
        whole.export(file, format="onnx", opset_version=OPSET, verbose=False)
        network = onnx.load(file)
    for node in network.graph.node:
        _pad_by_numbers(node)
    network.ir_version = VERSION
    del network.opset_import[:]
    network.opset_import.append(helper.make_opsetid("", OPSET))
    multiple = NETWORKS[model.name].multiple
    rows = LENGTHEN.format(axis=2, place=0, source="input", result="lengthened")
    columns = LENGTHEN.format(axis=3, place=1, source="lengthened", result="padded")
    pad = parser.parse_model(HEAD + PAD.format(multiple=multiple, rows=rows, columns=columns))
    padded = compose.merge_models(pad, network, [("padded", "padded")])
    ends = [(network.graph.output[0].name, "denoised"), ("size", "size")]
    made = compose.merge_models(padded, parser.parse_model(HEAD + CUT), ends)
    made.graph.name = model.name
    onnx.checker.check_model(made, full_check=True)
    return made


def _pad_by_numbers(node: onnx.NodeProto) -> None:
    """Write down the margins of a convolution that keeps the size of its input.

    ONNX Runtime does not work them out for dilated convolutions.
    """
    if node.op_type != "Conv":
        return
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if not found.get("auto_pad", b"").startswith(b"SAME") or max(found["strides"]) > 1:
        return
    spans = zip(found["kernel_shape"], found["dilations"], strict=True)
    margins = [(size - 1) * step // 2 for size, step in spans]
    kept = [each for each in node.attribute if each.name != "auto_pad"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("pads", margins * 2)])
