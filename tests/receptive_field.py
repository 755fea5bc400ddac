"""The receptive field of a network, measured by gradient: the oracle of the analytic one."""

from math import prod

import keras
import numpy as np
from keras import layers

from casestudy import CaseStudyError
from casestudy.models.inspection import kind_of, pixel_widths


def receptive_field(model: keras.Model, size: int) -> tuple[int, int]:
    """Return the smallest and largest radius, measured by gradient.

    Measured on a copy of the network in which no gradient can vanish: kernels and biases are
    positive, and pooling is by average, since which pixel is the maximum depends on the image.

    Parameters
    ----------
    model : keras.Model
        Time and memory grow with its widths, the result does not depend on them.
    size : int
        Side of the image in pixels; a multiple of what the network asks for, and more than twice
        the radius.

    Returns
    -------
    tuple of int
        Pixels, without attention.

    Raises
    ------
    CaseStudyError
        If the receptive field reaches the border of the image.
    """
    places = max(pixel_widths(model).values())
    middles = size // 2 // places * places + np.arange(places)
    chosen = np.zeros((places, size, size, 3), np.float32)  # one output pixel in each image
    chosen[np.arange(places), middles, middles] = 1
    dependent = _input_gradient(_open_copy(model), chosen).any(axis=-1)  # (places, H, W)
    if dependent[:, [0, -1]].any() or dependent[:, :, [0, -1]].any():
        raise CaseStudyError(f"{model.name} sees further than {size} pixels: make size larger.")
    radius = [
        np.abs(np.argwhere(image) - middle).max()
        for image, middle in zip(dependent, middles, strict=True)
    ]
    return int(min(radius)), int(max(radius))


class AddPicture(layers.Layer):
    """Add a trainable picture, zero at first, to what comes in."""

    def build(self, shape):
        self.picture = self.add_weight(shape=shape, initializer="zeros")

    def call(self, images):
        return images + self.picture


def _input_gradient(model: keras.Model, weights: np.ndarray) -> np.ndarray:
    """Return the gradient, up to a factor, of a weighted sum of a network's output.

    Keras has no gradient function that works on every backend, but its optimizers compute
    gradients: one step from a picture of zeros turns the picture into its gradient.

    Parameters
    ----------
    model : keras.Model
    weights : ndarray, shape (N, H, W, C) as the output

    Returns
    -------
    ndarray, shape as `weights`
    """
    model.trainable = False
    black = np.zeros_like(weights)
    images = keras.Input(batch_shape=weights.shape)
    picture = AddPicture(name="picture")
    trained = keras.Model(images, model(picture(images)))
    trained.compile(
        optimizer=keras.optimizers.SGD(1.0),
        loss=lambda weights, output: keras.ops.mean(weights * output, axis=-1),
        run_eagerly=True,  # for a single step, tracing takes longer than it saves
    )
    trained.train_on_batch(black, weights)
    return keras.ops.convert_to_numpy(picture.picture)


def _open_copy(model: keras.Model) -> keras.Model:
    """Copy a network so that every pixel within reach has a gradient, and attention none."""
    copy = keras.models.clone_model(model, clone_function=_clone_with_average)
    for layer in copy.layers:
        for weight in layer.weights:
            if weight.name == "bias":  # opens the ReLUs, as the image is black
                value = 1.0
            else:
                value = 0.0 if kind_of(layer) == "attention" else 1 / prod(weight.shape[:-1])
            weight.assign(np.full(weight.shape, value))
    return copy


def _clone_with_average(layer: layers.Layer) -> layers.Layer:
    if isinstance(layer, layers.MaxPooling2D):
        return layers.AveragePooling2D.from_config(layer.get_config())
    return layer.__class__.from_config(layer.get_config())
