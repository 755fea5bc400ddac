"""What 541 pairs in the layout of SIDD and RENOIR cost to prepare and to train on.

`make bench` runs these; nothing is asserted. The pictures are made up (`official_trees`), and
their files are few, under many names. So each is read from the memory of the operating system:
what a disk takes to read 13 GB comes on top, in the bare loop as well.
"""

import shutil
import statistics
import sys
from pathlib import Path

import pytest
from official_trees import FULL_SIZES, enlarge, make_article_data
from processes import in_a_process, in_a_watched_process

COUNTS = 54, 541  # a tenth, and all
TENTH = 0.1  # of the area of full-size photographs: less disk, and less time to decode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs what Linux tells of memory")


class Tree:
    """Stand-ins below a data root, and patches that were cut of them."""

    def __init__(self, folder: Path, share: float):
        self.share, self.data = share, folder / "data"
        self.data.mkdir()
        enlarge(make_article_data(self.data), share)
        self.caches = folder

    def cache(self, name: object) -> Path:
        return self.caches / f"cache-{name}"

    def __str__(self) -> str:
        sides = [(w * self.share**0.5, h * self.share**0.5) for h, w in FULL_SIZES.values()]
        smallest, largest = min(sides), max(sides)
        return (
            f"photographs of {smallest[0]:.0f}x{smallest[1]:.0f} to {largest[0]:.0f}x"
            f"{largest[1]:.0f}, {self.share:g} of the area of full size"
        )


@pytest.fixture
def make_tree(tmp_path, monkeypatch):
    """Return a function that makes the data root of this test; all is deleted after it."""

    def make(share):
        tree = Tree(tmp_path, share)
        monkeypatch.setenv("CASESTUDY_DATA", str(tree.data))
        return tree

    yield make
    shutil.rmtree(tmp_path)


# {cores} is how many may be used; {workers} cut.
PREPARE = """
import os, resource, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cores}])
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import few
from casestudy.data.patches import cut_patches

def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)

pairs = few(load_pairs("sidd+renoir"), {count})
megapixels = sum(2 * height * width for height, width in (p.size() for p in pairs)) / 1e6
began, began_cpu = time.perf_counter(), cpu()
cut_patches("sidd+renoir", pairs, protocol="article", workers={workers})
print(megapixels, time.perf_counter() - began, cpu() - began_cpu)
"""

# {writing}: also keep the results, as cutting does.
BARE = """
import os, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
import cv2
from casestudy.data.catalogue import load_pairs
from casestudy.data.experiment import few
pairs = few(load_pairs("sidd+renoir"), {count})
files = [str(file) for pair in pairs for file in (pair.noisy_path, pair.clean_path)]
os.makedirs(os.environ["CASESTUDY_CACHE"])
results = open(os.environ["CASESTUDY_CACHE"] + "/results", "wb")
pixels, began, began_cpu = 0, time.perf_counter(), time.process_time()
for file in files:
    image = cv2.imread(file)
    pixels += image.size / 3
    shrinking = min(image.shape[:2]) > 1024
    method = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    image = cv2.resize(image, (1024, 1024), interpolation=method)
    if {writing}:
        results.write(image)
print(pixels / 1e6, time.perf_counter() - began, time.process_time() - began_cpu)
"""

# Until two processes that cut are ready.
START = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from casestudy.data import cutting
began = time.perf_counter()
with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), cutting._start_worker) as pool:
    for future in [pool.submit(cutting.corners, (256, 256), 256) for _ in range(2)]:
        future.result()
    print(time.perf_counter() - began)
"""

TRAIN = """
import contextlib, sys, tempfile
from pathlib import Path
from casestudy.data.experiment import open_experiment
from casestudy.models import build
from casestudy.training.train import train
opened = open_experiment("sidd+renoir", tempfile.mkdtemp(), protocol="article", max_pairs={count})
training, validation = opened.train, opened.validation
if {handful}:
    training, validation = training.spread(16), validation.spread(2)
with contextlib.redirect_stdout(sys.stderr):
    train(build("autoencoder", filters=4), training, validation, 1, Path(tempfile.mkdtemp()),
          batch_size=8, crop_size=64)
print(len(training))
"""


def test_memory(benchmark, make_tree):
    """Of preparing, and of an epoch on the patches, at a tenth of the pairs and at all."""
    tree = make_tree(TENTH)
    print(f"\n{tree}")
    benchmark.pedantic(_print_memory, (tree,), rounds=1)


def _print_memory(tree):
    for count in COUNTS:
        for workers in (1, 2):
            shutil.rmtree(tree.cache(count), ignore_errors=True)
            program = PREPARE.format(count=count, cores=2, workers=workers)
            _, resident, anonymous = in_a_watched_process(program, tree.cache(count))
            print(
                f"preparing {count} pairs, workers={workers}: peak {resident:.0f} MiB in all "
                f"processes, {anonymous:.0f} MiB of it anonymous"
            )
    for count in COUNTS:
        peaks = []
        for handful in (True, False):
            program = TRAIN.format(count=count, handful=handful)
            (patches,), *peak = in_a_watched_process(program, tree.cache(count))
            peaks.append(peak)
        (resident, anonymous), (more_resident, more_anonymous) = peaks[0], peaks[1]
        print(
            f"an epoch of {patches:.0f} patches of {count} pairs: peak {more_resident:.0f} MiB, "
            f"{more_anonymous:.0f} MiB anonymous; beyond that on 16 patches "
            f"{more_resident - resident:+.0f} and {more_anonymous - anonymous:+.0f} MiB"
        )


def test_memory_at_full_size(benchmark, make_tree):
    tree = make_tree(1.0)
    program = PREPARE.format(count=COUNTS[0], cores=2, workers=2)
    measured = benchmark.pedantic(in_a_watched_process, (program, tree.cache("full")), rounds=1)
    _, resident, anonymous = measured
    print(f"\n{tree}, {COUNTS[0]} pairs, workers=2: peak {resident:.0f} MiB in all processes, ")
    print(f"{anonymous:.0f} MiB of it anonymous")


@pytest.mark.parametrize(("share", "count"), [(TENTH, 541), (1.0, 54)])
def test_speed(benchmark, make_tree, share, count):
    """As many pixels in either: of many small photographs, and of a tenth as many large ones.

    Every photograph becomes 3 MB of patches, however large it is. To write them weighs ten times
    more at a tenth of the area, so it is the full size that tells about the real sets. Per CPU
    second is what other programs on the machine disturb least.
    """
    tree = make_tree(share)
    programs = {
        "bare cv2.imread and cv2.resize": BARE.format(count=count, writing=False),
        "bare, and its results written": BARE.format(count=count, writing=True),
        "one worker": PREPARE.format(count=count, cores=1, workers=1),
        "two workers": PREPARE.format(count=count, cores=2, workers=2),
    }
    speeds = {name: [] for name in programs}
    per_cpu_second = {name: [] for name in programs}

    def in_turns():
        for name, program in programs.items():
            megapixels, seconds, cpu, _ = in_a_process(program, tree.cache("speed"))
            shutil.rmtree(tree.cache("speed"), ignore_errors=True)
            speeds[name].append(megapixels / seconds)
            per_cpu_second[name].append(megapixels / cpu)

    benchmark.pedantic(in_turns, rounds=2)
    start = min(in_a_process(START, tree.cache("speed"))[0] for _ in range(3))
    print(f"\npreparing {count} pairs, {tree}:")
    rates = {name: statistics.median(found) for name, found in speeds.items()}
    cpu_rates = {name: statistics.median(found) for name, found in per_cpu_second.items()}
    for name in programs:
        print(f"{name}: {rates[name]:.0f} megapixels/s, {cpu_rates[name]:.0f} per CPU second")
    for what, found in (("by the clock", rates), ("per CPU second", cpu_rates)):
        bare, writing, one, two = found.values()
        print(
            f"{what}, one worker is {one / bare:.2f} of bare, {one / writing:.2f} of bare and "
            f"written; two are {two / one:.2f} of one"
        )
    print(f"the start of two processes takes {start:.1f} s")
