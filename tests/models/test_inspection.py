from collections import Counter
from itertools import combinations

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import layers
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

from casestudy import CaseStudyError
from casestudy.models import build
from casestudy.models.diagram import BARS, SKIP, draw_network
from casestudy.models.inspection import (
    analytic_receptive_field,
    block_of,
    block_table,
    layer_graph,
)
from casestudy.models.pridnet import Enlarge
from tests.receptive_field import receptive_field

NETWORKS = ("autoencoder", "cbdnet", "pridnet", "ridnet")


@pytest.fixture(scope="module")
def networks():
    return {name: build(name, filters=4) for name in NETWORKS}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("autoencoder", 333_955),
        ("cbdnet", 4_365_382),
        ("pridnet", 74_225_723),
        ("ridnet", 1_499_347),
    ],
)
def test_the_blocks_hold_all_parameters(name, parameters):
    """Counted by hand from the papers' layers."""
    assert block_table(build(name))["parameters"].sum() == parameters


def test_cbdnets_blocks_are_the_papers():
    """CNN_E of 4 and 1 convolutions, CNN_D with 2, 3, 6, 3 and 2 of them."""
    table = block_table(build("cbdnet"))
    assert table["holds"].to_dict() == {
        "estimate": "4 conv",
        "noise_level_map": "1 conv",
        "unet_full": "1 concat, 2 conv",
        "unet_half": "1 pooling, 3 conv",
        "unet_quarter": "1 pooling, 6 conv",
        "unet_half_up": "1 transposed conv, 1 add, 3 conv",
        "unet_full_up": "1 transposed conv, 1 add, 2 conv",
        "residual": "1 conv",
        "denoised": "1 add",
    }
    assert table["output"].str.split(" × ").str[-1].astype(int).tolist() == [
        *(32, 3, 64, 128, 256, 128, 64, 3, 3)
    ]
    assert table.loc["unet_quarter", "output"] == "64 × 64 × 256"
    assert table.loc["unet_quarter", "parameters"] == 295_168 + 5 * 590_080


@pytest.mark.parametrize("name", NETWORKS)
def test_the_shapes_are_those_that_the_network_computes(networks, name):
    model = networks[name]
    ends = {block_of(layer): layer for layer in layer_graph(model)}
    table = block_table(model, 96)
    outputs = {block: model.get_layer(ends[block]).output for block in table.index}
    computed = keras.Model(model.input, outputs).predict_on_batch(np.zeros((1, 96, 96, 3)))
    shapes = {block: " × ".join(map(str, x.shape[1:])) for block, x in computed.items()}
    assert table["output"].to_dict() == shapes


def test_an_attention_counts_once(networks):
    """However many layers compute its weights: 4 in RIDNet, 11 in PRIDNet's fusion."""
    for name, block in (("ridnet", "eam1"), ("pridnet", "estimate"), ("pridnet", "fusion")):
        assert "1 attention" in block_table(networks[name]).loc[block, "holds"]


def test_pridnets_blocks_come_in_the_order_of_the_pooling(networks):
    pyramids = [f"pyramid{pooling}" for pooling in (1, 2, 4, 8, 16)]
    assert list(block_table(networks["pridnet"]).index[:6]) == ["estimate", *pyramids]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_layer_comes_after_all_that_it_reads(networks, name):
    graph = layer_graph(networks[name])
    order = list(graph)
    assert set(order) == {layer.name for layer in networks[name].layers}
    for layer, sources in graph.items():
        assert all(order.index(source) < order.index(layer) for source in sources)


def test_an_unknown_layer_is_named():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.BatchNormalization(name="norm")(image))
    with pytest.raises(CaseStudyError, match="norm"):
        block_table(model)


@pytest.mark.parametrize(
    ("name", "size", "radius"),
    [("autoencoder", 64, (15, 22)), ("cbdnet", 112, (47, 48)), ("ridnet", 112, (50, 50))],
)
def test_the_receptive_field_is_that_of_other_implementations(networks, name, size, radius):
    """Radii that were measured on the authors' and the community's PyTorch code."""
    assert receptive_field(networks[name], size) == radius
    assert analytic_receptive_field(networks[name]) == radius


def test_noise_estimation_sees_one_pixel_per_convolution(networks):
    cbdnet = networks["cbdnet"]
    estimate = keras.Model(cbdnet.input, cbdnet.get_layer("noise_level_map").output)
    assert receptive_field(estimate, 16) == analytic_receptive_field(estimate) == (5, 5)


def test_pridnet_sees_as_far_as_calculated_elsewhere(networks):
    smallest, largest = analytic_receptive_field(networks["pridnet"])
    assert 2757 <= smallest < largest <= 2983


def test_calculation_and_measurement_agree_on_one_of_pridnets_levels():
    pridnet = build("pridnet", filters=1)
    level = keras.Model(pridnet.input, pridnet.get_layer("pyramid1.out").output)
    assert receptive_field(level, 400) == analytic_receptive_field(level)


def test_calculation_and_measurement_agree_on_layers_that_enlarge():
    image = keras.Input((None, None, 3))
    x = layers.MaxPooling2D(8)(image)
    x = layers.Conv2D(3, 5, dilation_rate=2, padding="same")(x)
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same")(x)
    model = keras.Model(image, Enlarge(4)(x))
    assert receptive_field(model, 128) == analytic_receptive_field(model)


def test_attention_does_not_widen_the_receptive_field():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(3, 3, padding="same")(image)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Dense(3, "sigmoid")(weights)
    model = keras.Model(image, layers.Multiply()([x, weights]))
    assert receptive_field(model, 16) == analytic_receptive_field(model) == (1, 1)


def test_measuring_asks_for_a_large_image_and_leaves_the_network_as_it_was(networks):
    ridnet = networks["ridnet"]
    before = ridnet.get_weights()
    with pytest.raises(CaseStudyError, match="larger"):
        receptive_field(ridnet, 100)
    assert ridnet.trainable
    for weight, same in zip(before, ridnet.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


def bars(fig):
    return [patch for patch in fig.axes[0].patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize(
    ("name", "drawn", "skips"),
    [
        ("autoencoder", {"conv": 4, "pooling": 3, "transposed conv": 3}, 0),
        ("cbdnet", {"conv": 5 + 2 + 3 + 6 + 3 + 2 + 1, "pooling": 2, "transposed conv": 2}, 2 + 2),
        (
            "pridnet",
            {
                "conv": 5 + 5 * (5 * 4 + 4 * 3 + 1) + 3 + 1,
                "pooling": 5 * 4 + 4,
                "transposed conv": 5 * 4,
                "enlarging": 4,
                "attention": 2,
            },
            1 + 5 * 4 + 1 + 3,
        ),
        ("ridnet", {"conv": 4 * 7 + 2, "dilated conv": 4 * 3, "attention": 4}, 4 * 4 + 2),
    ],
)
def test_a_diagram_has_the_papers_layers_and_skips(networks, name, drawn, skips):
    fig = draw_network(networks[name])
    colours = Counter(to_hex(bar.get_facecolor()) for bar in bars(fig))
    assert {kind: colours[colour] for kind, colour in BARS.items() if colours[colour]} == {
        "image": 1,
        **drawn,
    }
    lines = [patch for patch in fig.axes[0].patches if isinstance(patch, PathPatch)]
    assert sum(to_hex(line.get_edgecolor()) == SKIP for line in lines) == skips


@pytest.mark.parametrize("name", NETWORKS)
def test_all_of_a_diagram_can_be_read(networks, name):
    fig = draw_network(networks[name])
    fig.canvas.draw()
    texts = fig.axes[0].texts
    assert {text.get_text() for text in texts} >= {"noisy", *block_table(networks[name]).index}
    boxes = [item.get_window_extent() for item in (*texts, *bars(fig), *fig.legends)]
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert fig.bbox.fully_containsx(box.x0) and fig.bbox.fully_containsx(box.x1)
        assert fig.bbox.fully_containsy(box.y0) and fig.bbox.fully_containsy(box.y1)


def test_the_autoencoder_is_drawn_as_an_hourglass(networks):
    heights = [bar.get_height() for bar in bars(draw_network(networks["autoencoder"]))]
    levels = [sorted(set(heights), reverse=True).index(height) for height in heights]
    assert levels == [0, 0, 1, 1, 2, 2, 3, 2, 1, 0, 0]


def test_shapes_are_given_for_the_size_asked_for(networks):
    texts = [text.get_text() for text in draw_network(networks["autoencoder"], 64).axes[0].texts]
    assert texts[texts.index("down3") + 1] == "8²×16"
