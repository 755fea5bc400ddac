"""What things cost: time and memory, printed and compared within one run, never asserted.

`make bench` runs these. Peak memory is that of a process of its own.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from casestudy.batches import PatchBatches
from casestudy.datasets import load_pairs
from casestudy.metrics import psnr, ssim
from casestudy.models import build
from casestudy.nlm import NLM
from casestudy.patches import cut_patches

POLYU = "polyu"


def in_a_process(program: str, cache) -> tuple[float, ...]:
    """Run Python code that prints numbers; return them and the process's peak memory in MiB."""
    program += "\nimport resource as r; print(r.getrusage(r.RUSAGE_SELF).ru_maxrss / 1024)"
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CASESTUDY_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(map(float, output.split()))


CUT = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
from casestudy.datasets import load_pairs
from casestudy.patches import cut_patches
pairs = load_pairs("polyu")[:COUNT]
began = time.perf_counter()
cut_patches("polyu", pairs)
print(len(pairs) * 2 * 512 * 512 / 1e6 / (time.perf_counter() - began))
"""

DECODE = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import cv2
from casestudy.datasets import load_pairs
files = [str(f) for p in load_pairs("polyu") for f in (p.noisy_path, p.clean_path)]
began = time.perf_counter()
pixels = sum(cv2.imread(file).size / 3 for file in files)
print(pixels / 1e6 / (time.perf_counter() - began))
"""


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
    from casestudy.errors import CaseStudyError

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


def test_autoencoder(benchmark, patches):
    model, noisy = build("autoencoder"), patches.spread(8).noisy(np.arange(8))
    benchmark.pedantic(model.predict_on_batch, (noisy,), rounds=5, warmup_rounds=1)
    print(f"\nautoencoder: {benchmark.stats['median'] / 8 / 0.065536:.3f} s per megapixel")


def test_scoring(benchmark, patches):
    clean, noisy = patches.clean(np.arange(1))[0], patches.noisy(np.arange(1))[0]
    benchmark.pedantic(lambda: (psnr(clean, noisy), ssim(clean, noisy)), rounds=5)
    print(f"\nPSNR and SSIM: {benchmark.stats['median'] * 1e3:.1f} ms per 256x256 patch")


def test_feeding(benchmark, patches):
    batches = PatchBatches(patches, batch_size=32, augment=True)
    benchmark.pedantic(batches.__getitem__, (0,), rounds=5, warmup_rounds=1)
    print(f"\nfeeding: {benchmark.stats['median'] * 1e3:.0f} ms per batch of 32")


REPORT = """
import resource, sys, tempfile, threading, time
from pathlib import Path
import psutil
from casestudy.reporting import report

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
