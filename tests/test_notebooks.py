"""Every notebook runs at a small setting, by papermill alone, whatever the working directory."""

import numpy as np
import pandas as pd
import papermill
import pytest
from conftest import needs_polyu

from casestudy.commands.report import report
from casestudy.data.experiment import open_experiment
from casestudy.files.folders import project_root
from casestudy.models import build
from casestudy.results.comparison import load_scores
from casestudy.training.train import train_or_load

TRAINING = {
    "patch_size": 64,
    "max_pairs": 8,
    "max_train_patches": 8,
    "max_validation_patches": 4,
    "max_test_patches": 4,
    "epochs": 1,
    "batch_size": 4,
}
SMALL = {
    "01_eda": {"patch_size": 64, "max_pairs": 8},
    "02_nlm_baseline": {"patch_size": 64, "max_pairs": 8, "max_test_patches": 4},
    "03_autoencoder": TRAINING,
    "04_cbdnet": TRAINING | {"filters": 8},
    "05_pridnet": TRAINING | {"filters": 8},
    "06_ridnet": TRAINING | {"filters": 8},
    "07_comparison": {"patch_size": 64, "max_pairs": 8, "max_test_patches": 4},
    "08_quantization": {
        "patch_size": 64,
        "max_pairs": 8,
        "max_test_patches": 4,
        "network": "autoencoder",
    },
    "09_conclusions": {"patch_size": 64, "max_pairs": 8},
    "10_your_photo": {},
}
WITH_NETWORKS = {name for name in SMALL if "03" <= name < "09"}
FILTERS = {"noisy", "NLM (OpenCV)", "NLM (scikit-image)"}
RELEASED = {"autoencoder", "CBDNet", "PRIDNet, half width", "RIDNet", "DRUNet, half width"}
TRAINED = {f"{name}, trained here" for name in ("autoencoder", "CBDNet", "PRIDNet", "RIDNet")}
TEXTS = ("text/html", "text/markdown")
NOTEBOOKS = sorted((project_root() / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def eager(tmp_path_factory):
    """Settings of IPython by which TensorFlow computes at once.

    For a few small patches, it would take longer to make graphs than to compute. `make report`
    makes them.
    """
    folder = tmp_path_factory.mktemp("ipython")
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    code = "import tensorflow\ntensorflow.config.run_functions_eagerly(True)\n"
    (startup / "eager.py").write_text(code)
    return folder


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, run_folder, eager, tmp_path, monkeypatch):
    """In order, since the comparison reads what the others wrote."""
    monkeypatch.chdir(tmp_path)
    if notebook.stem in WITH_NETWORKS:
        monkeypatch.setenv("IPYTHONDIR", str(eager))
    parameters = SMALL[notebook.stem] | {"run_folder": str(run_folder)}
    assert parameters.keys() <= papermill.inspect_notebook(str(notebook)).keys()
    executed = papermill.execute_notebook(
        str(notebook), str(tmp_path / notebook.name), parameters, progress_bar=False
    )
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("own", [False, True])
def test_a_look_at_data_that_names_no_camera_or_is_to_test_on(own, pair_folder, tmp_path):
    """Nothing to split, to compare by camera, or to measure twice: said in words, not as NaN."""
    dataset = f"folder:{pair_folder}" if own else "phones"
    parameters = {"dataset": dataset, "run_folder": str(tmp_path / "run"), "patch_size": 64}
    executed = papermill.execute_notebook(
        str(NOTEBOOKS[0]), str(tmp_path / "01.ipynb"), parameters, progress_bar=False
    )
    outputs = [o for cell in executed.cells for o in cell.get("outputs", [])]
    texts = [str(o.get("data", {}).get(kind, "")) for o in outputs for kind in TEXTS]
    assert any("names neither camera nor ISO" in text for text in texts)
    assert any("to test on only" in text for text in texts) != own
    assert not any("NaN" in text or "nan" in text for text in texts)


def test_a_notebook_loads_what_was_trained_in_its_run_folder(tmp_path):
    """With weights="run", whatever the other settings of training say."""
    (notebook,) = (path for path in NOTEBOOKS if path.stem == "03_autoencoder")
    run = {"run_folder": str(tmp_path / "run"), "patch_size": 64, "max_pairs": 8}
    experiment = open_experiment("sample", **run)
    train_or_load(build("autoencoder"), experiment, "train", 1, batch_size=8)
    manifest = experiment.models / "autoencoder.json"
    before = manifest.read_bytes()
    parameters = SMALL[notebook.stem] | run | {"weights": "run", "epochs": 9}
    out = str(tmp_path / notebook.name)
    papermill.execute_notebook(str(notebook), out, parameters, progress_bar=False)
    assert manifest.read_bytes() == before


def test_every_notebook_left_its_scores(run_folder):
    assert set(load_scores(run_folder)["method"]) == FILTERS | RELEASED | TRAINED
    compared = pd.read_csv(run_folder / "results.csv")
    assert set(compared["method"]) == FILTERS | RELEASED


# PRIDNet computes the picture itself in channels of 8 bits, and the autoencoder errs by more; the
# others add to the noisy picture.
@pytest.mark.parametrize(
    "network, most_db",
    [
        ("autoencoder", 0.15),
        ("cbdnet", 0.1),
        ("pridnet-half", 0.2),
        ("ridnet", 0.1),
        ("drunet", 0.06),
    ],
)
def test_eight_bits_cost_a_released_network_little(network, most_db, run_folder):
    table = pd.read_csv(run_folder / "quantization.csv").set_index(["network", "variant"])
    assert table.loc[(network, "LiteRT int8"), "lost_db"] < most_db


@needs_polyu
def test_report_on_real_noise(tmp_path):
    """Through the report command, on a few real pairs: one that filters and one that trains."""
    chosen = NOTEBOOKS[1:3]
    small = {name: value for path in chosen for name, value in SMALL[path.stem].items()}
    numbers = [notebook.stem[:2] for notebook in chosen]
    index = report("polyu", only=numbers, parameters=small, reports=tmp_path)
    assert index == tmp_path / "polyu" / "index.html"
    for notebook in chosen:
        assert (index.parent / f"{notebook.stem}.html").is_file()
    scores = load_scores(index.parent, "released")
    assert set(scores["method"]) == FILTERS | {"autoencoder"}
    assert np.isfinite(scores[["psnr_db", "ssim", "gain_db"]]).all(axis=None)
