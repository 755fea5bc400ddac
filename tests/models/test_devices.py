"""Training on two logical CPU devices, in a process of its own, gives the loss of one."""

import json
import math
import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
import keras
if keras.backend.backend() == "tensorflow" and sys.argv[3] == "2":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from casestudy.data.catalogue import load_pairs
from casestudy.models.devices import all_devices
from casestudy.denoising.tiles import network_denoiser
from casestudy.results.metrics import score
from casestudy.models import build
from casestudy.data.patches import cut_patches
from casestudy.training.train import train

name = f"folder:{sys.argv[1]}"
patches = cut_patches(name, load_pairs(name), size=32)
with all_devices() as devices:
    pass
model = build("autoencoder", 0, filters=4)
settings = {"batch_size": 8, "optimizer": sys.argv[4]}
history = train(model, patches, patches.spread(6), 2, Path(sys.argv[2]), **settings)
scores = score("autoencoder", network_denoiser(model), patches.spread(6), batch_size=3)
columns = history["loss"], history["val_loss"], scores["psnr_db"], history["learning_rate"]
print(json.dumps([devices, *map(list, columns)]))
"""


def train_on(devices, backend, optimizer, pair_folder, folder):
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(pair_folder), str(folder), str(devices), optimizer],
        env=os.environ
        | {
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
            "--xla_backend_optimization_level=0",  # compiles faster
        },
        capture_output=True,
        text=True,
    )
    assert output.returncode == 0, output.stderr
    return json.loads(output.stdout.splitlines()[-1])


@pytest.mark.parametrize(("backend", "optimizer"), [("tensorflow", "muon"), ("jax", "adam")])
def test_two_devices_give_the_loss_of_one(backend, optimizer, pair_folder, tmp_path):
    one, *expected = train_on(1, backend, optimizer, pair_folder, tmp_path / "one")
    two, *results = train_on(2, backend, optimizer, pair_folder, tmp_path / "two")
    assert (one, two) == (1, 2)
    for result, values in zip(results, expected, strict=True):  # losses, PSNR of patches, rates
        assert result == pytest.approx(values, rel=1e-4)
    # A cosine over two epochs of seven steps, after six of them and after thirteen.
    rates = [0.5e-3 * (1 + math.cos(math.pi * steps / 14)) for steps in (6, 13)]
    assert expected[-1] == pytest.approx(rates, rel=1e-4)


def test_a_batch_that_cannot_be_split_is_refused(pair_folder, tmp_path):
    program = PROGRAM.replace('"batch_size": 8', '"batch_size": 7')
    output = subprocess.run(
        [sys.executable, "-c", program, str(pair_folder), str(tmp_path), "2", "adam"],
        env=os.environ | {"KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert output.returncode != 0 and "split evenly among 2 devices" in output.stderr


FAULTS = """
import resource, sys
import numpy as np
if sys.argv[1] == "keep":
    from casestudy.files.memory import keep_freed_memory
    keep_freed_memory()
np.ones(12_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(12_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="changes nothing elsewhere")
def test_memory_that_was_freed_is_not_fetched_from_the_system_again():
    """Counted by the system: pages that it had to provide for arrays of 96 MB, made in turn."""
    pages = {}
    for choice in ("keep", "usual"):
        command = [sys.executable, "-c", FAULTS, choice]
        pages[choice] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert pages["keep"] < 0.05 * pages["usual"]
