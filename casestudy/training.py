"""Training a network on patches."""

import time
from pathlib import Path

import keras
import pandas as pd

from casestudy.batches import PatchBatches
from casestudy.patches import Patches
from casestudy.paths import written_whole


def train(
    model: keras.Model,
    train_patches: Patches,
    validation_patches: Patches,
    epochs: int,
    batch_size: int = 32,
    crop_size: int = 0,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> pd.DataFrame:
    """Train a network with Adam on the mean squared error.

    The learning rate falls along a cosine to zero, so the last epochs settle. Patches are
    flipped and turned at random.

    Parameters
    ----------
    model : keras.Model
        From a batch of noisy patches to denoised ones; trained in place.
    train_patches, validation_patches : Patches
        Validation patches come from training scenes, never from the test split.
    epochs : int
    batch_size : int
        Patches per step.
    crop_size : int
        Side in pixels of the random squares of the patches that are trained on; 0 for whole
        patches. Small ones buy more steps for the same work, as far as a network looks.
    learning_rate : float
        At the start.
    seed : int
        Decides the order of patches and their flips and turns; the weights are drawn when the
        model is built, so call `keras.utils.set_random_seed` before that.

    Returns
    -------
    DataFrame
        One row per epoch: epoch, loss, val_loss (both mean squared errors) and seconds.
    """
    batches = PatchBatches(train_patches, batch_size, crop_size, augment=True, seed=seed)
    validation = PatchBatches(validation_patches, batch_size, shuffle=False)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches))
    model.compile(keras.optimizers.Adam(schedule), loss="mse")
    clock = _Clock()
    history = model.fit(
        batches, validation_data=validation, epochs=epochs, verbose=2, callbacks=[clock]
    )
    table = pd.DataFrame(history.history).assign(seconds=clock.seconds)
    table.insert(0, "epoch", range(1, epochs + 1))
    return table


def save_training(model: keras.Model, history: pd.DataFrame, run_folder: Path) -> Path:
    """Write a trained model's weights and history into `models/` of a run folder.

    Parameters
    ----------
    model : keras.Model
        Its name becomes the files' name.
    history : DataFrame
        From `train`.
    run_folder : Path

    Returns
    -------
    Path
        The weights, `<name>.weights.h5`; `<name>.history.csv` lies beside it. A file is
        complete or absent.
    """
    weights = run_folder / "models" / f"{model.name}.weights.h5"
    # A trained model also saves its optimizer's state, which triples the file.
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    with written_whole(weights) as temporary:
        bare.save_weights(temporary)
    with written_whole(weights.with_name(f"{model.name}.history.csv")) as temporary:
        history.to_csv(temporary, index=False)
    return weights


class _Clock(keras.callbacks.Callback):
    """Seconds that each epoch took."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
