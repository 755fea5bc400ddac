"""What things cost: time and memory, printed and compared within one run, never asserted.

`make bench` runs these. Peak memory is that of a process of its own.
"""

import sys
import timeit

import keras
import numpy as np
import pytest
from processes import in_a_process

from casestudy.data.batches import PatchBatches
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
from casestudy.denoising.nlm import NLM
from casestudy.models import build
from casestudy.results.metrics import psnr, ssim

POLYU = "polyu"


CUT = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
from casestudy.data.catalogue import load_pairs
from casestudy.data.patches import cut_patches
pairs = load_pairs("polyu")[:COUNT]
began = time.perf_counter()
cut_patches("polyu", pairs)
print(len(pairs) * 2 * 512 * 512 / 1e6 / (time.perf_counter() - began))
"""

DECODE = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import cv2
from casestudy.data.catalogue import load_pairs
files = [str(f) for p in load_pairs("polyu") for f in (p.noisy_path, p.clean_path)]
began = time.perf_counter()
pixels = sum(cv2.imread(file).size / 3 for file in files)
print(pixels / 1e6 / (time.perf_counter() - began))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux to choose a core")
def test_cutting_polyu(benchmark, tmp_path, needs_polyu_pairs):
    decoding, _ = in_a_process(DECODE, tmp_path / "decode")
    rounds = iter(range(100))

    def cut(count=100):
        program = CUT.replace("COUNT", str(count))
        return in_a_process(program, tmp_path / f"cache{next(rounds)}")

    speed, memory = benchmark.pedantic(cut, rounds=3)
    _, memory_of_ten = cut(10)
    print(f"\ncutting PolyU on one core: {speed:.0f} megapixels/s ", end="")
    print(f"({speed / decoding:.2f} of bare cv2.imread), peak {memory:.0f} MiB ", end="")
    print(f"for 100 pairs, {memory_of_ten:.0f} MiB for 10")


@pytest.fixture
def needs_polyu_pairs():
    from casestudy import CaseStudyError

    try:
        return load_pairs(POLYU)
    except CaseStudyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def patches():
    return cut_patches("sample", load_pairs("sample"))


@pytest.mark.parametrize("name", NLM)
def test_nlm(benchmark, patches, name):
    noisy = patches.spread(4).noisy(np.arange(4))
    benchmark.pedantic(NLM[name], (noisy, 1.0), rounds=3, warmup_rounds=1)
    print(f"\n{name}: {benchmark.stats['median'] / 4 / 0.065536:.2f} s per megapixel")


# Multiply-adds of convolutions for one 256x256 image, in units of 1e9, as counted on the authors'
# code; a training step costs three times a forward pass (gradients of features and of weights).
GIGA_MULTIPLY_ADDS = {"autoencoder": 1.472, "cbdnet": 37.061, "pridnet": 31.785, "ridnet": 97.938}


@pytest.fixture(scope="module")
def matrix_product():
    """What a large float32 matrix product reaches on the same cores, in GFLOP/s."""
    side = 4096
    matrix = keras.random.normal((side, side), seed=0)

    def multiply():
        return keras.ops.convert_to_numpy(keras.ops.matmul(matrix, matrix))

    multiply()
    seconds = min(timeit.repeat(multiply, number=1, repeat=5))
    return 2 * side**3 / seconds / 1e9


@pytest.mark.parametrize("name", GIGA_MULTIPLY_ADDS)
def test_forward(benchmark, patches, matrix_product, name):
    model, noisy = build(name), patches.spread(1).noisy(np.arange(1))
    benchmark.pedantic(model.predict_on_batch, (noisy,), rounds=5, warmup_rounds=1)
    print_speed(f"{name} forward", 2 * GIGA_MULTIPLY_ADDS[name], benchmark, matrix_product)


@pytest.mark.parametrize("name", GIGA_MULTIPLY_ADDS)
def test_training_step(benchmark, patches, matrix_product, name):
    model = build(name)
    model.compile(keras.optimizers.Adam(1e-4), "mse")
    batch = [read(np.arange(1)) for read in (patches.noisy, patches.clean)]
    benchmark.pedantic(model.train_on_batch, batch, rounds=3, warmup_rounds=1)
    print_speed(f"{name} step", 6 * GIGA_MULTIPLY_ADDS[name], benchmark, matrix_product)


def print_speed(what, gigaflop, benchmark, matrix_product):
    seconds = benchmark.stats["median"]
    print(
        f"\n{what}: {seconds:.3f} s per 256x256 patch, {gigaflop / seconds:.0f} GFLOP/s, ", end=""
    )
    print(f"{gigaflop / seconds / matrix_product:.2f} of a matrix product's {matrix_product:.0f}")


class OneBatch(keras.utils.PyDataset):
    """The first batch of another dataset, as often as that one has batches."""

    def __init__(self, batches):
        super().__init__()
        self.batch, self.length = batches[0], len(batches)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.batch


@pytest.mark.parametrize(("name", "size"), [("autoencoder", 128), ("ridnet", 64)])
def test_feeding_while_training(benchmark, patches, name, size):
    """Seconds per step with the real feeder, over those on one repeated batch."""
    model = build(name)
    model.compile(keras.optimizers.Adam(1e-4), "mse")
    batches = PatchBatches(patches, 8, size, training=True).part(0, 0, 12)

    def steps(dataset):
        model.fit(dataset, shuffle=False, verbose=0)

    steps(batches)
    benchmark.pedantic(steps, (batches,), rounds=3)
    fed = min(benchmark.stats.stats.data)
    repeated = OneBatch(batches)
    alone = min(timeit.repeat(lambda: steps(repeated), number=1, repeat=3))
    print(f"\n{name}, 8 of {size}x{size}: {fed / 12:.3f} s per step fed, ", end="")
    print(f"{alone / 12:.3f} s on one batch, ratio {fed / alone:.3f}")


TRAIN = """
from pathlib import Path
import tempfile
from casestudy.data.catalogue import load_pairs
from casestudy.models import build
from casestudy.data.patches import cut_patches
from casestudy.training.train import train
import contextlib, sys
patches = cut_patches("sample", load_pairs("sample")).spread(40)
with contextlib.redirect_stdout(sys.stderr):
    train(build("ridnet"), patches, patches.spread(1), 1, Path(tempfile.mkdtemp()),
          batch_size=8, crop_size=64)
"""


def test_training_memory(benchmark, tmp_path):
    (memory,) = benchmark.pedantic(in_a_process, (TRAIN, tmp_path), rounds=1)
    print(f"\ntraining RIDNet, 8 of 64x64: peak {memory:.0f} MiB")


def test_scoring(benchmark, patches):
    clean, noisy = patches.clean(np.arange(1))[0], patches.noisy(np.arange(1))[0]
    benchmark.pedantic(lambda: (psnr(clean, noisy), ssim(clean, noisy)), rounds=5)
    print(f"\nPSNR and SSIM: {benchmark.stats['median'] * 1e3:.1f} ms per 256x256 patch")


def test_feeding(benchmark, patches):
    batches = PatchBatches(patches, batch_size=32, training=True)
    benchmark.pedantic(batches.__getitem__, (0,), rounds=5, warmup_rounds=1)
    print(f"\nfeeding: {benchmark.stats['median'] * 1e3:.0f} ms per batch of 32")


REPORT = """
import resource, sys, tempfile, threading, time
from pathlib import Path
import psutil
from casestudy.commands.report import report

peak, done = 0, threading.Event()

def watch():
    global peak
    me = psutil.Process()
    while not done.wait(0.5):
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                pass
        peak = max(peak, total)

threading.Thread(target=watch, daemon=True).start()
began, out = time.perf_counter(), sys.stdout
sys.stdout = sys.stderr
report("sample", reports=Path(tempfile.mkdtemp()))
sys.stdout = out
done.set()
print(time.perf_counter() - began, peak / 2**20)
"""


def test_report(benchmark, tmp_path):
    seconds, memory, _ = benchmark.pedantic(in_a_process, (REPORT, tmp_path), rounds=1)
    print(f"\nreport on sample: {seconds:.0f} s, peak {memory:.0f} MiB in all processes")
