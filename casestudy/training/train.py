"""Train a network in a folder, or load what was trained there before."""

from pathlib import Path

import keras
import pandas as pd
from filelock import FileLock, Timeout

from casestudy import CaseStudyError
from casestudy.data.experiment import Experiment
from casestudy.data.patches import Patches
from casestudy.data.settings import check_parameters
from casestudy.models.devices import all_devices, keep_freed_memory
from casestudy.training.loop import Training
from casestudy.training.manifest import load_training, read_manifest, refuse_seen


def train(
    model: keras.Model,
    train_patches: Patches,
    validation_patches: Patches,
    epochs: int,
    folder: Path,
    *,
    batch_size: int = 32,
    crop_size: int = 0,
    loss: str = "mse",
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    schedule: str = "cosine",
    warmup_steps: int = 0,
    clip_norm: float = 0.0,
    simulated_share: float = 0.0,
    simulated_from: Patches | None = None,
    recompressed_share: float = 0.0,
    exposure_matched: bool = False,
    max_minutes: float = 0.0,
    seed: int = 0,
    checkpoint_steps: int = 200,
    tensorboard: bool = False,
    start: dict[str, object] | None = None,
) -> pd.DataFrame:
    """Train a network, or go on where an earlier call was stopped.

    `folder` receives, under the network's name: `.safetensors`, the weights of the epoch with
    the best validation PSNR, which the model holds in the end; `.last.safetensors`, those of
    the last epoch; `.history.csv`; and `.json`, the manifest, which is written last. While
    training there are `.checkpoint` and the one before. A call with the arguments of a finished
    training loads its weights.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`, or from `load` to go on from there; trained in place.
    train_patches, validation_patches : Patches
        Validation patches come from training scenes, never from the test split.
    epochs : int
    folder : Path
    batch_size : int
        Patches per step.
    crop_size : int
        Side in pixels of the random squares of the patches that are trained on; 0 for whole
        patches. Small ones buy more steps for the same work, as far as a network looks.
    loss : {"mse", "mae", "cbdnet", "cbdnet-mae"}
        Mean squared or absolute error of the image. "cbdnet" adds CBDNet's loss on the noise
        level map (`casestudy.training.losses`) to the squared error, and "cbdnet-mae",
        `MAP_WEIGHT` times as strong, to the absolute error.
    optimizer : {"adam", "muon"}
        "muon" is `casestudy.training.optimizers.Muon`.
    learning_rate : float
        The highest.
    schedule : {"cosine", "constant"}
        "cosine" falls to zero at the end.
    warmup_steps : int
        Steps in which the rate of "cosine" rises from zero.
    clip_norm : float
        Largest norm of all gradients together; 0 for no limit.
    simulated_share, simulated_from, recompressed_share, exposure_matched
        Share of patches under simulated noise, where their clean images come from, share of the
        others that are compressed again, and whether the exposure of clean ones is made the noisy
        one's; see `casestudy.data.batches.PatchBatches`.
    max_minutes : float
        Time to train, validation included; 0 for no limit. The training ends when it is over,
        and "cosine" falls to zero by then. What is left of the last epoch is not trained. A
        finished training goes on when it is given more time: the rate is then what it would
        have been at that share of the whole time.
    seed : int
        Decides order, crops, flips and noise; the first weights were drawn by `build`.
    checkpoint_steps : int
        Steps between checkpoints within an epoch; there is one at the end of each epoch, too.
    tensorboard : bool
        Write the history as TensorBoard events, too, to `<name>.tensorboard/`.
    start : dict or None
        Manifest of the training that the model's first weights come from, which becomes part of
        this one's.

    Returns
    -------
    DataFrame
        One row per epoch: epoch, loss, val_loss, val_psnr_db (mean over patches),
        learning_rate (of the last step) and seconds.

    Raises
    ------
    CaseStudyError
        If `folder` holds a training of this network with other settings, data or first weights;
        if another process trains it there; if the loss is no longer finite; for settings out of
        range; if there are no patches.
    """
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "crop_size": crop_size,
        "loss": loss,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "warmup_steps": warmup_steps,
        "clip_norm": clip_norm,
        "simulated_share": simulated_share,
        "recompressed_share": recompressed_share,
        "exposure_matched": exposure_matched,
        "max_minutes": max_minutes,
        "seed": seed,
        "checkpoint_steps": checkpoint_steps,
    }
    settings = check_parameters(settings)
    _refuse_unusable(settings, model, train_patches, validation_patches)
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    try:
        with FileLock(folder / f".{model.name}.lock", timeout=0), all_devices() as devices:
            data = {"training": train_patches, "validation": validation_patches}
            if simulated_from:
                data["simulated"] = simulated_from
            training = Training(model, data, settings, folder, start)
            return training.run(devices, tensorboard)
    except Timeout:
        raise CaseStudyError(
            f"{model.name} is being trained in {folder} by another process. Wait, or use another "
            "run folder."
        ) from None


def train_or_load(
    model: keras.Model, experiment: Experiment, weights: str, epochs: int, **settings: object
) -> pd.DataFrame:
    """Train a network in an experiment's run folder, or load what was trained there before.

    Parameters
    ----------
    model : keras.Model
    experiment : Experiment
    weights : {"train", "run"}
        "run" loads whatever was trained there; "train" asks for these settings.
    epochs, **settings
        See `train`.

    Returns
    -------
    DataFrame
        The history of the training.

    Raises
    ------
    CaseStudyError
        As `train` and `load_training`; or if the network was trained, or its best epoch chosen,
        on images that this experiment tests on.
    """
    if weights == "run":
        history = load_training(model, experiment.models)
        table = experiment.test.table
        refuse_seen(read_manifest(model, experiment.models), table, table["dataset"].iloc[0])
        return history
    return train(
        model, experiment.train, experiment.validation, epochs, experiment.models, **settings
    )


def _refuse_unusable(
    settings: dict[str, object], model: keras.Model, train: Patches, validation: Patches
) -> None:
    if settings["loss"].startswith("cbdnet") and model.name != "cbdnet":
        raise CaseStudyError(
            f"loss={settings['loss']!r} needs a noise level map, which {model.name} has not."
        )
    if not (len(train) and len(validation)):
        raise CaseStudyError(
            f"{len(train)} patches to train on and {len(validation)} to validate: both are needed."
        )
