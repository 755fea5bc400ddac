"""Train a network in a folder, or load what was trained there before."""

import json
from collections.abc import Mapping
from pathlib import Path

import keras
import pandas as pd
from filelock import FileLock, Timeout

from casestudy import CaseStudyError
from casestudy.data.batches import Source
from casestudy.data.cutting import MANIFEST
from casestudy.data.experiment import Experiment
from casestudy.data.patches import Patches
from casestudy.data.settings import check_parameters
from casestudy.files.memory import keep_freed_memory
from casestudy.models import NETWORKS
from casestudy.models.devices import all_devices
from casestudy.training.loop import Training
from casestudy.training.manifest import load_training, read_manifest, refuse_seen
from casestudy.training.settings import LOSSES, Parameters, TrainingSettings

_USUAL = TrainingSettings()


def train(
    model: keras.Model,
    train_patches: Patches,
    validation_patches: Patches,
    epochs: int,
    folder: Path,
    *,
    sources: Mapping[str, Source] | None = None,
    tensorboard: bool = False,
    start: dict[str, object] | None = None,
    **settings: object,
) -> pd.DataFrame:
    """Train a network, or resume a training that was stopped.

    `folder` receives, under the network's name: `.safetensors`, the weights of the epoch with
    the best validation PSNR (with a critic, of the last epoch), which the model holds in the end;
    `.last.safetensors`, those of the last epoch; `.history.csv`; and `.json`, the manifest, which
    is written last. During the training it also holds the last two checkpoints. A call with the
    arguments of a finished training loads its weights.

    Parameters
    ----------
    model : keras.Model
        From `casestudy.models.build`, or from `load` to fine-tune it; trained in place.
    train_patches, validation_patches : Patches
        Validation patches come from training scenes, never from the test split.
    epochs : int
    folder : Path
    sources : mapping of str to Source, optional
        Further data, by a name for the manifest; see `casestudy.data.batches.PatchBatches`.
    tensorboard : bool
        Also write the history as TensorBoard events to `<name>.tensorboard/`.
    start : dict or None
        Manifest of the training that the model's first weights come from; it becomes part of the
        new manifest.
    **settings
        Fields of `casestudy.training.settings.TrainingSettings`. A training that `max_minutes`
        ended leaves its last epoch unfinished. With more minutes it resumes, at the learning rate
        for the share of the new time that has passed.

    Returns
    -------
    DataFrame
        One row per epoch: epoch, loss, val_loss, val_psnr_db (mean over patches),
        learning_rate (of the last step) and seconds.

    Raises
    ------
    CaseStudyError
        If `folder` holds a training of this network with other settings, data or first weights;
        if another process trains it there; if the loss is not finite; if a setting is unknown or
        out of range; if there are no patches.
    """
    checked = TrainingSettings(
        **check_parameters({"epochs": epochs, **settings}, TrainingSettings)
    )
    _refuse_unusable(checked, model, train_patches, validation_patches)
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    try:
        with FileLock(folder / f".{model.name}.lock", timeout=0), all_devices() as devices:
            data = {"training": train_patches, "validation": validation_patches}
            training = Training(model, data, sources or {}, checked, folder, start)
            return training.run(devices, tensorboard)
    except Timeout:
        raise CaseStudyError(
            f"{model.name} is being trained in {folder} by another process. Wait, or use another "
            "run folder."
        ) from None


def train_or_load(
    model: keras.Model,
    experiment: Experiment,
    weights: str,
    epochs: int,
    max_minutes: float = _USUAL.max_minutes,
    batch_size: int = _USUAL.batch_size,
    crop_size: int = _USUAL.crop_size,
    learning_rate: float = _USUAL.learning_rate,
    loss: str = "mae",
    optimizer: str = "muon",
    simulated_share: float = 0.5,
) -> pd.DataFrame:
    """Train a network in an experiment's run folder, or load what was trained there before.

    The defaults get far in a short time: few steps, large errors that do not outweigh all others,
    and new noise for half of the patches in every epoch.

    Parameters
    ----------
    model : keras.Model
    experiment : Experiment
    weights : {"train", "run"}
        "run" loads what was trained there, whatever the settings; "train" trains.
    epochs, max_minutes, batch_size, crop_size, learning_rate, loss, optimizer, simulated_share
        Fields of `casestudy.training.settings.TrainingSettings`; the seed is the experiment's.

    Returns
    -------
    DataFrame
        The history of the training.

    Raises
    ------
    CaseStudyError
        As `train` and `load_training`; if the network was trained, or its best epoch chosen, on
        images that this experiment tests on.
    """
    if weights == "run":
        history = load_training(model, experiment.models)
        table = experiment.test.table
        refuse_seen(read_manifest(model, experiment.models), table, table["dataset"].iloc[0])
        return history
    return train(
        model,
        experiment.train,
        experiment.validation,
        epochs,
        experiment.models,
        max_minutes=max_minutes,
        batch_size=batch_size,
        crop_size=crop_size,
        learning_rate=learning_rate,
        loss=loss,
        optimizer=optimizer,
        simulated_share=simulated_share,
        clip_norm=1.0,  # high rates would otherwise throw a short training back
        seed=experiment.seed,
    )


def _refuse_unusable(
    settings: TrainingSettings, model: keras.Model, train: Patches, validation: Patches
) -> None:
    if not (len(train) and len(validation)):
        raise CaseStudyError(
            f"{len(train)} patches to train on and {len(validation)} to validate: both are needed."
        )
    multiple = NETWORKS[model.name].multiple
    side = min(settings.crop_size or train.size, train.size)
    if side % multiple or validation.size < multiple:
        raise CaseStudyError(
            f"{model.name} takes squares of {multiple} pixels or a multiple of that, not of "
            f"{min(side, validation.size)}. Choose another crop_size or patch_size."
        )
    loss = LOSSES[settings.loss]
    if settings.critic_weight and (loss.both or loss.map_weight):
        raise CaseStudyError(f"A critic cannot be combined with loss={settings.loss!r}.")
    if loss.both and not model.name.startswith("hinet"):
        raise CaseStudyError(f"loss={settings.loss!r} needs two results; {model.name} has one.")
    if not loss.map_weight:
        return
    if model.name != "cbdnet":
        raise CaseStudyError(
            f"loss={settings.loss!r} needs a noise level map, which {model.name} does not have."
        )
    protocol = json.loads((train.folder / MANIFEST).read_text())["protocol"]
    check_parameters({"loss": settings.loss, "protocol": protocol}, Parameters)
