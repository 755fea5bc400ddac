"""Training against a critic, which learns to tell denoised images from clean ones.

P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, arXiv:1611.07004 (pix2pix). The critic sees an image together with the noisy
one, and scores every patch of it. A denoiser that minimises an error alone returns the mean of all
images that the noisy one could show, which is blurred; one that also wants a high score returns an
image that could be one of them. Its PSNR falls, and what it invents may be wrong.

The losses are those of a hinge: J. H. Lim, J. C. Ye, "Geometric GAN", 2017, arXiv:1705.02894.
"""

import keras
from keras import layers, ops


def build_critic(filters: int = 64) -> keras.Model:
    """Build a critic of patches of 34x34 pixels, as wide as noise and fine texture need.

    Parameters
    ----------
    filters : int
        Channels of the first convolution; the next two have twice and four times as many.

    Returns
    -------
    keras.Model
        From an image and the noisy one, (N, H, W, 6), to scores (N, H/4, W/4, 1): the higher, the
        more like a clean image.
    """
    both = keras.Input((None, None, 6))
    x = both
    for number, (width, strides) in enumerate([(1, 2), (2, 2), (4, 1)], start=1):
        x = convolution(filters * width, strides, f"conv{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"relu{number}")(x)
    return keras.Model(both, convolution(1, 1, "score", dtype="float32")(x), name="critic")


def convolution(filters: int, strides: int, name: str, dtype: str | None = None) -> layers.Layer:
    start = keras.initializers.RandomNormal(stddev=0.02)
    return layers.Conv2D(
        filters, 4, strides, "same", kernel_initializer=start, dtype=dtype, name=name
    )


class WithCritic(keras.Model):
    """A denoiser, and a critic that is trained in the same steps.

    Parameters
    ----------
    denoiser : keras.Model
    weight : float
        Of the critic's mean score in the denoiser's loss.
    """

    def __init__(self, denoiser: keras.Model, weight: float):
        super().__init__(name=denoiser.name)
        self.denoiser, self.weight, self.critic = denoiser, weight, build_critic()

    def call(self, noisy, training=None):
        return self.denoiser(noisy, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return error
        clean, denoised = (self._scores(image, x) for image in (y, y_pred))
        still = self._scores(ops.stop_gradient(y_pred), x)
        critics = ops.mean(ops.relu(1 - clean)) + ops.mean(ops.relu(1 + still))
        # Zero, but for its gradient, which reaches the denoiser and not the critic.
        return error + critics - self.weight * ops.mean(denoised - still)

    def _scores(self, image, noisy):
        return self.critic(ops.concatenate([image, noisy], axis=-1))
