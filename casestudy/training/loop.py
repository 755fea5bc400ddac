"""Training a network on patches, in a way that survives being killed.

Every minute, the whole state of a training is written to a checkpoint. Whatever is random in a
batch depends only on the batch's position. A killed training that is started again with the same
arguments therefore resumes, and on a CPU it ends with exactly the same weights. With a time limit
they are only nearly the same, because a clock decides.
"""

import hashlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tensorboard.summary import Writer
from tqdm import tqdm

from casestudy import CaseStudyError
from casestudy.data.batches import PatchBatches, Source
from casestudy.data.patches import Patches
from casestudy.files import provenance
from casestudy.files.writing import remove_unfinished, written_whole
from casestudy.models import NETWORKS
from casestudy.models.cbdnet import LEVEL_MAP, with_level_map
from casestudy.models.devices import device_names, on_gpu
from casestudy.models.hinet import with_first_result
from casestudy.models.weights import load_weights, save_weights
from casestudy.training.checkpoint import delete_checkpoint, load_checkpoint, save_checkpoint
from casestudy.training.critic import WithCritic
from casestudy.training.losses import PSNR, level_map_loss, negative_psnr, of_both_results
from casestudy.training.manifest import load_training, read_manifest
from casestudy.training.optimizers import Muon
from casestudy.training.settings import LOSSES, TrainingSettings

OPTIMIZERS = {"adam": keras.optimizers.Adam, "muon": Muon}

# A GPU has to wait whenever the loss is read or the learning rate changes, so both happen once in
# this number of steps.
STEPS_ON_GPU = 8


@dataclass
class Progress:
    """The progress of a training, which is part of its checkpoint."""

    epoch: int = 0  # completed epochs
    step: int = 0  # completed batches of the next epoch
    loss_sum: float = 0.0  # of these batches' mean losses
    seconds: float = 0.0  # spent on these batches
    best_psnr_db: float = -math.inf  # in validation
    history: list[dict[str, float]] = field(default_factory=list)  # one row per completed epoch
    megapixels: float = 0.0  # trained on before `_reopen` last reset the optimizer


class Training:
    """One network's training in one folder; see `train` for what it reads and writes."""

    def __init__(
        self,
        model: keras.Model,
        data: dict[str, Patches],
        sources: Mapping[str, Source],
        settings: TrainingSettings,
        folder: Path,
        start: dict[str, object] | None,
    ):
        self.model, self.settings, self.folder = model, settings, folder
        self.sources = dict(sources)
        if settings.simulated_share:
            share = settings.simulated_share
            self.sources["simulated"] = Source(data["training"], share, "camera")
        self.data = data | {name: source.patches for name, source in self.sources.items()}
        self.start = start
        self.progress = Progress()
        self.commit = provenance.commit()  # now, because the code may change during the training
        self.last_tick = 0.0
        self.interrupted = False
        # A training is only resumed if all of this is the same.
        self.identity = (
            settings.model_dump(exclude={"checkpoint_minutes"})
            | {
                "network": model.name,
                "precision": model.get_layer(index=1).dtype_policy.name,
                "first weights": _digest(map(keras.ops.convert_to_numpy, model.weights)),
            }
            | {f"{part} patches": patches.digest()[:16] for part, patches in self.data.items()}
            | {
                f"{name} source": [source.share, source.noise, source.recompressed]
                for name, source in self.sources.items()
            }
        )

    def run(self, devices: int, tensorboard: bool) -> pd.DataFrame:
        """Train for the remaining epochs, and return the history."""
        file = self._file(".json")
        finished = read_manifest(self.model, self.folder) if file.exists() else None
        if finished and not self._has_more_time(finished["identity"]):
            self._refuse_other(finished["identity"], file)
            return load_training(self.model, self.folder)
        self._prepare(devices)
        if finished:
            self._reopen(finished["megapixels"])
        else:
            self._resume()
        self._tick()
        with self._whole_batches():
            # A training that was killed after its time was over still has to end its epoch.
            while self.progress.step or (
                self.progress.epoch < self.settings.epochs and self.time_share() < 1
            ):
                self._train_epoch()
                if self.progress.step:  # 0 if the time was over before the first one
                    self._end_epoch(tensorboard)
        return self._finish()

    @contextmanager
    def _whole_batches(self) -> Iterator[None]:
        """Let the first Ctrl-C end the batch and write a checkpoint; a second one kills."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Only the main thread may change what a signal does.
            return

        def interrupt(*_: object) -> None:
            self.interrupted = True
            signal.signal(signal.SIGINT, usual)

        usual = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    def _file(self, suffix: str) -> Path:
        return self.folder / f"{self.model.name}{suffix}"

    def _prepare(self, devices: int) -> None:
        """Set up batches, loss and optimizer; remove what a killed training left."""
        for suffix in (".json", ".last.safetensors", ".history.csv"):
            remove_unfinished(self._file(suffix))
        settings, validation = self.settings, self.data["validation"]
        loss = LOSSES[settings.loss]
        with_map = loss.map_weight > 0
        self.batches = PatchBatches(
            self.data["training"],
            settings.batch_size,
            settings.crop_size,
            training=True,
            sources=list(self.sources.values()),
            recompressed_share=settings.recompressed_share,
            exposure_matched=settings.exposure_matched,
            level_maps=with_map,
            seed=settings.seed,
            workers=os.cpu_count() if on_gpu() else 1,
        )
        if self.batches.batch_size % devices or len(validation) < devices:
            raise CaseStudyError(
                f"Batches of {self.batches.batch_size} patches, and {len(validation)} patches to "
                f"validate on, cannot be split evenly among {devices} devices. Choose a multiple "
                "as batch_size, and add patches if there are too few."
            )
        # Training keeps the output of every layer, so validation can process four times as many
        # pixels at once. Every device gets the same number of patches.
        at_once = 4 * self.batches.batch_size * self.batches.crop_size**2 // validation.size**2
        multiple = NETWORKS[self.model.name].multiple
        self.validation = PatchBatches(
            validation.take(np.arange(len(validation) // devices * devices)),
            max(at_once // devices, 1) * devices,
            validation.size // multiple * multiple,
            level_maps=with_map,
        )
        self.optimizer = OPTIMIZERS[settings.optimizer](
            settings.learning_rate, global_clipnorm=settings.clip_norm or None
        )
        image_loss = keras.losses.get(negative_psnr if loss.image == "psnr" else loss.image)
        self.trained = self.model
        if settings.critic_weight:
            self.trained = WithCritic(self.model, settings.critic_weight)
        elif with_map:
            self.trained = with_level_map(self.model)
        elif loss.both:
            self.trained, image_loss = with_first_result(self.model), of_both_results(image_loss)
        self.trained.compile(
            self.optimizer,
            {"denoised": image_loss, LEVEL_MAP: level_map_loss} if with_map else image_loss,
            loss_weights={"denoised": 1, LEVEL_MAP: loss.map_weight} if with_map else None,
            metrics={"denoised": [PSNR()]} if with_map else [PSNR()],
            steps_per_execution=STEPS_ON_GPU if on_gpu() else 1,
        )
        self.optimizer.build(self.trained.trainable_variables)

    def rate(self, steps: int) -> float:
        """Return the learning rate after a number of steps, and after the time spent so far."""
        highest, warmup = self.settings.learning_rate, self.settings.warmup_steps
        if self.settings.schedule == "constant":
            return highest
        total = self.settings.epochs * len(self.batches)
        done = max((steps - warmup) / max(total - warmup, 1), self.time_share(), 0)
        falling = highest / 2 * (1 + math.cos(math.pi * min(done, 1)))
        return min(falling, highest * steps / warmup) if warmup else falling

    def time_share(self) -> float:
        """Return the share of `max_minutes` that has passed; 0 if there is no limit."""
        if not self.settings.max_minutes:
            return 0.0
        seconds = sum(row["seconds"] for row in self.progress.history) + self.progress.seconds
        seconds += time.perf_counter() - self.last_tick
        return seconds / 60 / self.settings.max_minutes

    def is_checkpoint_due(self) -> bool:
        """Return whether the time between checkpoints has passed since the last one."""
        return time.perf_counter() - self.last_tick >= 60 * self.settings.checkpoint_minutes

    def _tick(self) -> float:
        """Return the seconds since the last tick."""
        last, self.last_tick = self.last_tick, time.perf_counter()
        return self.last_tick - last

    def _train_epoch(self) -> None:
        """Train the remaining steps of an epoch, with checkpoints in between."""
        progress, steps = self.progress, len(self.batches)
        name = f"{self.model.name}, epoch {progress.epoch + 1} of {self.settings.epochs}"
        with tqdm(  # shown in a terminal only
            desc=name, initial=progress.step, total=steps, unit="batch", leave=False, disable=None
        ) as bar:
            while progress.step < steps and self.time_share() < 1:
                try:
                    part = self.batches.part(progress.epoch, progress.step)
                    watch = _Watch(self, bar, progress.epoch * steps + progress.step)
                    history = self.trained.fit(part, shuffle=False, verbose=0, callbacks=[watch])
                except FloatingPointError as error:
                    raise self._diverged(f"{error} of epoch {progress.epoch + 1}") from None
                progress.seconds += self._tick()
                progress.loss_sum += history.history["loss"][0] * watch.steps
                progress.step += watch.steps
                if progress.step < steps or self.interrupted:
                    self._save_checkpoint()
                    if self.interrupted:
                        print(f"{name}: stopped after step {progress.step} of {steps}.", end=" ")
                        print("The same call resumes there.", flush=True)
                        raise KeyboardInterrupt
                    if bar.disable:
                        loss = progress.loss_sum / progress.step
                        state = f"{progress.step} of {steps} batches, loss {loss:.3g}"
                        print(f"{name}: {state}", flush=True)

    def _end_epoch(self, tensorboard: bool) -> None:
        """Validate, and keep the weights if they are the best so far."""
        progress = self.progress
        self._arrays()  # checks the weights: behind a ReLU, NaN may not reach the loss
        validation = self.trained.evaluate(self.validation, verbose=0, return_dict=True)
        val_psnr_db = next(v for name, v in validation.items() if name.endswith("psnr_db"))
        if not math.isfinite(validation["loss"]):
            raise self._diverged(f"validation loss after epoch {progress.epoch + 1}")
        row = {
            "epoch": progress.epoch + 1,
            "loss": progress.loss_sum / progress.step,
            "val_loss": float(validation["loss"]),
            "val_psnr_db": float(val_psnr_db),
            "learning_rate": float(keras.ops.convert_to_numpy(self.optimizer.learning_rate)),
            "seconds": progress.seconds + self._tick(),
        }
        # A critic costs PSNR: the best epoch would be the one in which it had taught least.
        if row["val_psnr_db"] > progress.best_psnr_db or self.settings.critic_weight:
            progress.best_psnr_db = row["val_psnr_db"]
            save_weights(self.model, self._file(".safetensors"))
        self.progress = Progress(
            epoch=progress.epoch + 1,
            best_psnr_db=progress.best_psnr_db,
            history=[*progress.history, row],
            megapixels=progress.megapixels,
        )
        with written_whole(self._file(".history.csv")) as temporary:
            pd.DataFrame(self.progress.history).to_csv(temporary, index=False)
        if tensorboard:
            log = Writer(str(self._file(".tensorboard")))
            for name in row.keys() - {"epoch"}:
                log.add_scalar(name, row[name], row["epoch"])
            log.close()
        self._save_checkpoint()
        print(
            f"{self.model.name}, epoch {row['epoch']} of {self.settings.epochs}: "
            f"loss {row['loss']:.3g}, validation {row['val_psnr_db']:.2f} dB, "
            f"{row['seconds']:.0f} s",
            flush=True,
        )

    def _save_checkpoint(self) -> None:
        state = {"identity": self.identity, "progress": asdict(self.progress)}
        save_checkpoint(self._file(".checkpoint"), self._arrays(), state)

    def _diverged(self, what: object) -> CaseStudyError:
        return CaseStudyError(
            f"{self.model.name}: {what} not finite. The last checkpoint and the best weights so "
            f"far are kept in {self.folder}. Lower learning_rate or set clip_norm. Use another "
            f"run folder, or delete {self.model.name}.* there."
        )

    def _resume(self) -> None:
        found = load_checkpoint(self._file(".checkpoint"))
        if found is None:
            return
        arrays, state = found
        if not self._has_more_time(state["identity"]):
            self._refuse_other(state["identity"], self._file(".checkpoint"))
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        self.progress = Progress(**state["progress"])
        print(
            f"{self.model.name}: resuming after epoch {self.progress.epoch}, "
            f"step {self.progress.step}, of {self._file('.checkpoint')}"
        )

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the values of all variables; raise CaseStudyError if one is not finite."""
        arrays = {name: keras.ops.convert_to_numpy(v) for name, v in self._variables().items()}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            place = f"epoch {self.progress.epoch + 1}, batch {self.progress.step}"
            raise self._diverged(f"weights after {place}")
        return arrays

    def _variables(self) -> dict[str, keras.Variable]:
        """Return the variables of the network, with its random layers, and of the optimizer."""
        parts = {"network": self.trained.variables, "optimizer": self.optimizer.variables}
        return {
            f"{part}/{number}": variable
            for part, variables in parts.items()
            for number, variable in enumerate(variables)
        }

    def _finish(self) -> pd.DataFrame:
        """Write the last weights and the manifest, and load the best weights."""
        save_weights(self.model, self._file(".last.safetensors"))
        load_weights(self.model, self._file(".safetensors"))
        history = pd.DataFrame(self.progress.history)
        steps = int(keras.ops.convert_to_numpy(self.optimizer.iterations))
        pixels = steps * self.batches.batch_size * self.batches.crop_size**2
        best = history["val_psnr_db"].idxmax()
        if self.settings.critic_weight:
            best = history.index[-1]
        manifest = {
            "identity": self.identity,
            "data": {part: _contents(patches) for part, patches in self.data.items()},
            "start": self.start,
            "parameters": self.model.count_params(),
            "megapixels": self.progress.megapixels + pixels / 1e6,  # as often as shown
            "best": history.loc[best].to_dict(),  # whose weights are kept
            "last": history.iloc[-1].to_dict(),
            "seconds": history["seconds"].sum(),
            "finished": time.strftime("%Y-%m-%d %H:%M:%S%z"),
            "weights sha256": provenance.hash_file(self._file(".safetensors")),
            "commit": self.commit,
            "versions": provenance.library_versions() | {"keras backend": keras.backend.backend()},
            "devices": device_names(),
            "machine": provenance.machine(),
        }
        with written_whole(self._file(".json")) as temporary:
            temporary.write_text(json.dumps(manifest, indent=2) + "\n")
        delete_checkpoint(self._file(".checkpoint"))
        return history

    def _has_more_time(self, before: dict[str, object]) -> bool:
        """Return whether the settings are those of an earlier training with more minutes."""
        minutes = before.get("max_minutes", 0)
        same = before | {"max_minutes": 0} == self.identity | {"max_minutes": 0}
        return same and 0 < minutes < self.settings.max_minutes

    def _reopen(self, megapixels: float) -> None:
        """Continue a finished training from its last weights, with a new optimizer."""
        load_weights(self.model, self._file(".last.safetensors"))
        history = pd.read_csv(self._file(".history.csv"))
        self.progress = Progress(
            epoch=len(history),
            best_psnr_db=float(history["val_psnr_db"].max()),
            history=history.to_dict("records"),
            megapixels=megapixels,
        )
        self._save_checkpoint()
        self._file(".json").unlink()

    def _refuse_other(self, identity: dict[str, object], file: Path) -> None:
        names = self.identity | identity
        changed = [name for name in names if identity.get(name) != self.identity.get(name)]
        if not changed:
            return
        if changed == ["first weights"]:
            difference = (
                "from other first weights: another --start or --filters, other released weights, "
                "or a network that was trained since it was built. Use the same"
            )
        else:
            changes = (
                f"{name} was {identity.get(name)!r} and is now {self.identity.get(name)!r}"
                for name in changed
            )
            difference = f"with other settings: {'; '.join(changes)}. Use another run folder"
        raise CaseStudyError(
            f"{file} belongs to a training {difference}, or delete {self.model.name}.* there to "
            "train again."
        )


class _Watch(keras.callbacks.Callback):
    """Sets the learning rate, moves the progress bar, and stops for a checkpoint or at the end.

    Raises FloatingPointError if the loss is not finite.
    """

    def __init__(self, training: Training, bar: tqdm, done: int):
        super().__init__()
        self.training, self.bar, self.done, self.steps = training, bar, done, 0

    def on_train_batch_begin(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # otherwise JAX would keep the old learning rate
        self.model.optimizer.learning_rate.assign(self.training.rate(self.done + self.steps))

    def on_train_batch_end(self, batch, logs=None):
        before, self.steps = self.steps, min(batch + 1, self.params["steps"])
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(f"loss of batch {self.training.progress.step + self.steps}")
        self.bar.set_postfix(loss=f"{logs['loss']:.3g}", refresh=False)
        self.bar.update(self.steps - before)
        self.model.stop_training = (
            self.training.interrupted
            or self.training.time_share() >= 1
            or self.training.is_checkpoint_due()
        )


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def _contents(patches: Patches) -> dict[str, object]:
    table = patches.table
    return {
        "dataset": ", ".join(table["dataset"].unique()),
        "hash": patches.digest()[:16],
        "patches": len(table),
        "patch size": patches.size,
        "images": sorted(table["image"].unique()),
        "scenes": sorted(table["scene"].unique()),
    }
