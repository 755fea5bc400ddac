"""The embedded dataset: photographs that installed packages ship, under simulated camera noise.

Each photograph is "captured" by two simulated phone cameras at three ISO settings (see
`casestudy.data.camera`). `data/README.md` lists the photographs and their licences.
"""

from importlib.util import find_spec
from pathlib import Path

from casestudy.data.camera import Camera
from casestudy.data.dataset import Dataset
from casestudy.data.sets.simulated import SimulatedPair


def _package(name: str) -> Path:
    """Return the folder of a package without importing it, which takes seconds."""
    return Path(find_spec(name).origin).parent


SKIMAGE = _package("skimage") / "data"
MATPLOTLIB = _package("matplotlib") / "mpl-data" / "sample_data"
SKLEARN = _package("sklearn") / "datasets" / "images"

SCENES = {
    "astronaut": SKIMAGE / "astronaut.png",
    "cat": SKIMAGE / "chelsea.png",
    "coffee": SKIMAGE / "coffee.png",
    "deep-field": SKIMAGE / "hubble_deep_field.jpg",
    "flower": SKLEARN / "flower.jpg",
    "motorcycle": SKIMAGE / "motorcycle_left.png",
    "officer": MATPLOTLIB / "grace_hopper.jpg",
    "palace": SKLEARN / "china.jpg",
    "retina": SKIMAGE / "retina.jpg",
    "rocket": SKIMAGE / "rocket.jpg",
    "tissue": SKIMAGE / "ihc.png",
}

# Noise of two phones as measured for the SIDD dataset (Noise Flow, ICCV 2019), as lines in ISO
# (shot noise) and ISO squared (read noise).
CAMERAS = (
    Camera("simulated Pixel", shot_per_iso=2.2e-6, read_per_iso2=1.73e-11, read_floor=2e-6),
    Camera(
        "simulated Nexus 6",
        shot_per_iso=4.3e-6,
        read_per_iso2=8.1e-11,
        read_floor=3e-6,
        red_gain=1.95,
        blue_gain=1.85,
        colour_weights=(0.6, 0.1, 0.2, 0.1),
        jpeg_quality=90,
    ),
)
CAMERAS_BY_NAME = {camera.name: camera for camera in CAMERAS}
ISOS = (100, 800, 3200)


def _find() -> tuple[list[SimulatedPair], list[Path]]:
    """Return every scene captured by every camera at every ISO setting."""
    return [
        SimulatedPair(
            id=f"{scene}-{camera.name.removeprefix('simulated ').replace(' ', '')}-iso{iso}",
            scene=scene,
            camera=camera.name,
            iso=iso,
            photograph=path,
            simulated_camera=camera,
        )
        for scene, path in SCENES.items()
        for camera in CAMERAS
        for iso in ISOS
    ], []


SAMPLE = Dataset(
    name="sample",
    summary="photographs shipped with Python packages, simulated camera noise",
    terms="free licences, listed in data/README.md",
    get="",
    where=lambda found: "built in",
    find=_find,
    families=("sample",),
)
