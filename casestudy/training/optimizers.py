"""Optimizers that Keras lacks for networks of convolutions."""

import math

import keras


class Muon(keras.optimizers.Muon):
    """Muon for convolutions: each step of a kernel is orthogonalised as one matrix.

    All axes of a kernel but the last are flattened, which gives a matrix of inputs by outputs.
    Its momentum is replaced by the nearest matrix with equal singular values, so that rare
    directions learn as fast as frequent ones (Jordan et al.,
    https://kellerjordan.github.io/posts/muon/). Steps are scaled to the size of Adam's (Liu et
    al., "Muon is scalable for LLM training", 2025, arXiv:2502.16982, equation 4). Vectors, such
    as biases, are trained by Adam. Keras's own Muon trains all convolution kernels by Adam, and
    its weights decay by default.

    Parameters
    ----------
    learning_rate : float
    global_clipnorm : float or None
        Largest norm of all gradients together.
    """

    def __init__(self, learning_rate: float = 1e-3, global_clipnorm: float | None = None):
        super().__init__(
            learning_rate,
            weight_decay=None,
            adam_weight_decay=None,
            global_clipnorm=global_clipnorm,
        )

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) < 2

    def update_step(
        self, gradient: object, variable: keras.Variable, learning_rate: object
    ) -> None:
        # TensorFlow does not know the shape of some gradients when it traces a step.
        gradient = keras.ops.reshape(gradient, variable.shape)
        super().update_step(gradient, variable, learning_rate)

    def zeropower_via_newtonschulz5(self, x: object, steps: int) -> object:
        """Return a kernel's nearest matrix with equal singular values, roughly.

        Keras multiplies the whole matrix in each step. The result is the matrix times a
        polynomial of its small Gram matrix, so here steps only multiply Gram matrices, which
        takes two fifths of the time where a kernel has nine times as many inputs as outputs.
        """
        ops = keras.ops
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        wide = matrix.shape[0] < matrix.shape[1]
        if wide:
            matrix = ops.transpose(matrix)
        matrix = matrix / (ops.norm(matrix) + 1e-7)
        gram = ops.matmul(ops.transpose(matrix), matrix)
        identity = ops.eye(gram.shape[0], dtype=gram.dtype)
        product = identity
        for _ in range(steps):
            square = ops.matmul(gram, gram)
            factor = self.muon_a * identity + self.muon_b * gram + self.muon_c * square
            product = ops.matmul(product, factor)
            gram = ops.matmul(ops.matmul(gram, factor), factor)
        matrix = ops.matmul(matrix, product)
        if wide:
            matrix = ops.transpose(matrix)
        return ops.reshape(matrix, x.shape)

    def lr_adjust(self, x: object) -> object:
        longer_side = max(math.prod(x.shape[:-1]), x.shape[-1])
        return x * (self.rms_rate * math.sqrt(longer_side))
