"""The `casestudy` command."""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperGroup

from casestudy import CaseStudyError, models
from casestudy.commands.data import data_app
from casestudy.commands.names import Named
from casestudy.commands.quiet import quiet_libraries
from casestudy.models import NETWORKS, RECOMMENDED, released


class _Commands(TyperGroup):
    """Imports `train` when it is asked for: pydantic, which declares its options, is slow."""

    def list_commands(self, context: typer.Context) -> list[str]:
        report, *others = super().list_commands(context)
        return [report, "train", *others]

    def get_command(self, context: typer.Context, name: str) -> object:
        if name == "train":
            # Imported here for a fast start-up.
            from casestudy.commands import train  # pydantic takes 0.1 s to import

            return typer.main.get_command(train.app)
        return super().get_command(context, name)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Remove real camera noise from photographs, and reproduce the case study about it.",
)
app.add_typer(data_app, name="data")


Dataset = Annotated[str, typer.Option(help="A name from `casestudy data list`, or folder:PATH.")]
Released = Annotated[str, typer.Argument(help="The network: {released}.")]
Method = Annotated[
    str, typer.Option(help="The method: {released}; or nlm, the filter Non-Local Means.")
]
Runtime = Annotated[
    Literal["keras", "litert", "litert-int8", "openvino-int8"],
    typer.Option(help="What runs a network; int8: in 8-bit integers, which is faster on CPUs."),
]
TrainedIn = Annotated[
    str | None,
    typer.Option(help="Use weights trained in reports/RUN.  [default: the released weights]"),
]
TrainedFilters = Annotated[
    int, typer.Option(help="Width of the network trained in reports/RUN; 0: the published width.")
]


@app.command()
def report(
    dataset: Dataset = "sample",
    run: Annotated[
        str | None, typer.Option(help="Folder in reports/.  [default: the dataset's name]")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run this notebook, such as 03, and those it needs; repeatable."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="Set a parameter of the notebooks, such as epochs=5; repeatable.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run unchanged notebooks too.")] = False,
) -> None:
    """Execute the notebooks and write their HTML reports to reports/RUN/index.html.

    Notebooks whose results are up to date are not run again. After a failure or an interruption,
    the same command resumes there.

    Example: casestudy report --dataset polyu --run polyu-long -p max_minutes=30 -p seed=1
    """
    # Imported here for a fast start-up.
    from casestudy.commands.report import report

    try:
        report(dataset, run, only or (), dict(map(_assignment, parameter or [])), force)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command resumes there.", err=True)
        raise


@app.command(cls=Named)
def evaluate(
    model: Released,
    dataset: Annotated[
        str,
        typer.Option(
            help="A name from `casestudy data list`, folder:PATH, or all: every test set."
        ),
    ] = "polyu",
    run: TrainedIn = None,
    filters: TrainedFilters = 0,
    shots: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="FIRST SECOND",
            help="Instead of a dataset: two shots with equal settings, from a tripod.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="CSV to write.  [default: reports/evaluation/MODEL-[RUN-]DATASET.csv]"),
    ] = None,
) -> None:
    """Score a network on whole images: the test part of a dataset, or the pairs of a folder.

    Writes the PSNR and SSIM of every image before and after denoising. Prints their means, by
    camera and ISO where these are known; with --dataset all, by test set, next to those of the
    filter Non-Local Means. Images that the network was trained on are left out.

    If you have no clean images of your camera, --shots estimates the PSNR from two noisy shots of
    a motionless scene. It prints a table, and writes nothing.

    Example: casestudy evaluate ridnet --dataset folder:~/pairs
    """
    if shots:
        if output or dataset != "polyu":
            raise CaseStudyError("--shots takes the place of --dataset, and writes no --output.")
        return _evaluate_shots(model, shots, run, filters)
    # Imported here for a fast start-up.
    from casestudy.data.catalogue import load_pairs
    from casestudy.files.folders import absolute, reports_root, run_name
    from casestudy.files.writing import writable_file, written_whole

    (models if run else released).record(model)
    everything, dataset = dataset == "all", absolute(dataset)
    name = "-".join(filter(None, [model, run and run_name("", run), run_name(dataset)]))
    output = writable_file(output or reports_root() / "evaluation" / f"{name}.csv")
    if not everything:
        load_pairs(dataset)  # refuses what is not there
    # Imported after all checks: Keras takes seconds to import.
    from casestudy.results import all_sets, whole_images

    network, manifest = _network(model, run, filters)
    if everything:
        scores = all_sets.evaluate_all(network, manifest)
        typer.echo(all_sets.describe(scores))
    else:
        scores = whole_images.evaluate_network(network, manifest, dataset)
        typer.echo(whole_images.describe(scores))
    with written_whole(output) as temporary:
        scores.to_csv(temporary, index=False)
    typer.echo(output)


def _evaluate_shots(model: str, shots: tuple[Path, Path], run: str | None, filters: int) -> None:
    (models if run else released).record(model)
    # Imported here for a fast start-up.
    from casestudy.files.photos import read_image
    from casestudy.results import two_shots

    first, second = map(read_image, shots)
    two_shots.refuse_unusable(first, second)
    # Imported after all checks: Keras takes seconds to import.
    from casestudy.denoising.methods import photo_denoiser
    from casestudy.denoising.tiles import denoise, network_denoiser

    network, _ = _network(model, run, filters)
    methods = {
        "Non-Local Means": photo_denoiser("nlm", "keras"),
        NETWORKS[model].title: partial(denoise, network_denoiser(network)),
    }
    typer.echo(two_shots.describe(two_shots.estimate(methods, first, second)))


@app.command(cls=Named)
def release(
    model: Annotated[
        str, typer.Argument(help="The network: {released}; with --recipe equal-cost, {compared}.")
    ],
    recipe: Annotated[
        Literal["released", "equal-cost"], typer.Option(help="What it was trained with.")
    ] = "released",
    run: Annotated[
        str | None, typer.Option(help="Folder in reports/.  [default: the recipe's name]")
    ] = None,
) -> None:
    """Add a finished training to the package, with its scores and its model card.

    A training with the recipe equal-cost is recorded without its weights.

    Example: casestudy release ridnet
    """
    # Imported here for a fast start-up.
    from casestudy.training.settings import RECIPE
    from casestudy.training.settings import recipe as settings_of_recipe

    if recipe == RECIPE:
        released.record(model)
    settings_of_recipe(recipe, model)  # refuses a network that it does not have
    # Imported after all checks: Keras takes seconds to import.
    from casestudy.commands.release import release
    from casestudy.files.folders import reports_root, run_name

    typer.echo(release(model, reports_root() / run_name(recipe, run) / "models", recipe))


@app.command(cls=Named)
def quantize(
    model: Released,
    to: Annotated[
        Literal["float32", "float16", "dynamic-int8", "int8"],
        typer.Option(help="Number format of the weights; with int8, also of the activations."),
    ] = "int8",
    run: TrainedIn = None,
    filters: TrainedFilters = 0,
    floats: Annotated[
        list[str] | None,
        typer.Option(help="Further block that int8 keeps in floats, such as eam1; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write.  [default: reports/litert/MODEL-[RUN-]TO.tflite]"),
    ] = None,
) -> None:
    """Write a network as a LiteRT file, with a card that describes it.

    The card lists the file's input and output, and the PSNR that the number format costs.

    Example: casestudy quantize ridnet --to int8
    """
    # Imported here for a fast start-up.
    from casestudy.files.folders import reports_root
    from casestudy.files.writing import writable_file

    (models if run else released).record(model)
    name = "-".join(filter(None, [model, run, to]))
    output = writable_file(output or reports_root() / "litert" / f"{name}.tflite")
    command = _command("quantize", model, to, run, filters)
    command += "".join(f" --floats {block}" for block in floats or ())
    # Imported after all checks: TensorFlow takes seconds to import.
    from casestudy.commands.quantize import write_file

    network, _ = _network(model, run, filters)
    card = write_file(network, to, output, floats or (), command)
    typer.echo(f"{output}\n{card}")


@app.command(cls=Named)
def export(
    model: Released,
    to: Annotated[
        Literal["onnx", "dtmodel"], typer.Option(help="ONNX, or a model for darktable.")
    ] = "onnx",
    run: TrainedIn = None,
    filters: TrainedFilters = 0,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write.  [default: reports/export/casestudy-MODEL[-RUN].TO]"),
    ] = None,
) -> None:
    """Write a network for photo programs that run ONNX, with a card that describes it.

    The file takes photographs of any size. It is compared with Keras before it is written.

    Example: casestudy export drunet --to dtmodel
    """
    # Imported here for a fast start-up.
    from casestudy.files.folders import reports_root
    from casestudy.files.writing import writable_file

    (models if run else released).record(model)
    if not all(map(find_spec, ("onnx", "onnxruntime", "tf2onnx"))):
        raise CaseStudyError("ONNX is not installed. Install it with pip install '.[onnx]'.")
    name = "-".join(filter(None, ["casestudy", model, run]))
    output = writable_file(output or reports_root() / "export" / f"{name}.{to}")
    command = _command("export", model, to, run, filters)
    # Imported after all checks: TensorFlow takes seconds to import.
    from casestudy.commands.export import write_file

    network, _ = _network(model, run, filters)
    card = write_file(network, to, output, command)
    typer.echo(f"{output}\n{card}")


def _command(name: str, model: str, to: str, run: str | None, filters: int) -> str:
    """Return the command that writes a file, for the card of the file."""
    options = (f" --run {run}" if run else "") + (f" --filters {filters}" if filters else "")
    return f"casestudy {name} {model} --to {to}{options}"


def _network(model: str, run: str | None, filters: int) -> tuple:
    """Return a released network, or the one that was trained in a run, and its manifest."""
    # Imported here for a fast start-up.
    from casestudy.files.folders import reports_root, run_name
    from casestudy.training.manifest import load_training, read_manifest

    if not run:
        return models.load(model), released.manifest(model)
    network = models.build(model, **({"filters": filters} if filters else {}))
    folder = reports_root() / run_name("", run) / "models"
    load_training(network, folder)
    return network, read_manifest(network, folder)


@app.command(cls=Named)
def denoise(
    source: Annotated[Path, typer.Argument(help="A photograph, or a folder of photographs.")],
    target: Annotated[Path, typer.Argument(help="The file or folder to write to.")],
    model: Method = RECOMMENDED,
    runtime: Runtime = "litert-int8",
    strength: Annotated[
        int,
        typer.Option(min=0, max=100, help="How much of the noise found is removed, in percent."),
    ] = 100,
    tile: Annotated[
        int,
        typer.Option(help="Side in pixels of the squares processed in turn; 0: whole image."),
    ] = 512,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing files.")
    ] = False,
) -> None:
    """Denoise a photograph, or all photographs in a folder and its sub-folders.

    Reads PNG, JPEG, TIFF, WebP and BMP. Keeps bit depth and metadata, or says what was lost.

    In a folder, photographs that have a result are skipped, so the same command resumes after an
    interruption. If a photograph cannot be read, this is reported, the others are denoised, and
    the exit code is 1. Sub-folders that hold results of earlier runs are left out; a hidden file
    in them, .casestudy-denoised, says how the results were made.

    Example: casestudy denoise holiday/ denoised/
    """
    # Imported here for a fast start-up.

    from tqdm import tqdm

    from casestudy.denoising.methods import photo_denoiser
    from casestudy.denoising.photographs import Denoise, denoise_file
    from casestudy.denoising.tiles import check_tiles

    check_tiles(tile)
    progress = partial(tqdm, desc="denoising", unit="tile", leave=False, disable=None)

    def load() -> Denoise:
        return partial(photo_denoiser(model, runtime, tile), progress=progress)

    if source.is_dir():
        made_by = model if model == "nlm" else f"{model} with {runtime}"
        made_by += f" at {strength} %" if strength < 100 else ""
        _denoise_folder(load, made_by, source, target, overwrite, strength / 100)
    else:
        target = target / source.name if target.is_dir() else target
        for remark in denoise_file(load, source, target, overwrite, strength / 100):
            typer.echo(f"{source}: {remark}", err=True)
        typer.echo(target)


def _denoise_folder(
    load: Callable, made_by: str, source: Path, target: Path, overwrite: bool, strength: float
) -> None:
    # Imported here for a fast start-up.
    from casestudy.denoising.photographs import denoise_folder

    try:
        outcome = denoise_folder(load, made_by, source, target, overwrite, strength)
    except KeyboardInterrupt:
        then = "starts again" if overwrite else "resumes"
        typer.echo(f"Stopped. The same command {then}.", err=True)
        raise
    for path, remarks in outcome.remarks.items():
        typer.echo(f"{path}: {' '.join(remarks)}", err=True)
    for path in outcome.others:
        typer.echo(f"{path}: left out, its name is not that of a photograph.", err=True)
    for folder in outcome.earlier:
        typer.echo(f"{folder}: left out, it holds results of an earlier run.", err=True)
    for folder in outcome.links:
        typer.echo(f"{folder}: left out, it is a symbolic link to a folder.", err=True)
    for message in outcome.failed.values():
        typer.secho(f"Error: {message}", fg="red", err=True)
    typer.echo(
        f"{target}: {len(outcome.done)} denoised, {len(outcome.skipped)} were there, "
        f"{len(outcome.failed)} failed"
    )
    if outcome.failed:
        raise typer.Exit(1)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Folders in reports/.")],
) -> None:
    """Print the trainings of some runs in one table, with the settings that differ and the scores.

    For trainings that differ by their seed alone, mean and standard deviation follow.

    Example: casestudy compare polyu seed1 seed2
    """
    # Imported here for a fast start-up: Keras takes seconds.
    from casestudy.files.folders import reports_root, run_name
    from casestudy.results.trainings import SCORES, over_seeds, trainings

    table = trainings({run: reports_root() / run_name("", run) for run in runs})
    typer.echo(table.round(dict.fromkeys(SCORES, 2)).to_string(index=False, na_rep="-"))
    if len(means := over_seeds(table)):
        typer.echo(f"\nOver seeds:\n{means.round(2).reset_index().to_string(index=False)}")


@app.command()
def site(
    target: Annotated[Path, typer.Argument(help="The folder to write to.")] = Path("site"),
    run: Annotated[str, typer.Option(help="Folder in reports/.")] = "reference",
) -> None:
    """Write the pages of a run and the documentation as a folder for any static web server.

    Example: casestudy site public/ --run sample
    """
    # Imported here for a fast start-up.
    from casestudy.commands.report.site import write_site
    from casestudy.files.folders import project_root, reports_root

    typer.echo(write_site(reports_root() / run, project_root() / "docs", target))


@app.command(cls=Named)
def benchmark(
    name: Annotated[
        Literal["sidd", "dnd"], typer.Argument(help="The benchmark: sidd or dnd, sRGB track.")
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write the submission to.")],
    model: Method = RECOMMENDED,
    runtime: Runtime = "keras",
) -> None:
    """Denoise the inputs of a public benchmark, and write the files that its server accepts.

    The server computes the scores, because the clean images are not public. After an
    interruption, the same command resumes.

    Example: casestudy benchmark sidd submission/ --model ridnet
    """
    # Imported here for a fast start-up.
    from casestudy.denoising.methods import photo_denoiser
    from casestudy.files import provenance
    from casestudy.results.submissions import submit_dnd, submit_sidd

    made_from = {"model": model}
    if model != "nlm":
        weights = released.released_file(model, ".safetensors")
        made_from |= {"runtime": runtime, "weights": provenance.hash_file(weights)}
    submit = {"sidd": submit_sidd, "dnd": submit_dnd}[name]
    try:
        submit(photo_denoiser(model, runtime), made_from, folder)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command resumes there.", err=True)
        raise
    typer.echo(folder)


@app.command("app")
def web_app(
    port: Annotated[int, typer.Option(help="Port that the web app is served on.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            help="127.0.0.1: only this machine can open the web app; 0.0.0.0: others can, too."
        ),
    ] = "127.0.0.1",
    max_megapixels: Annotated[
        float, typer.Option(min=0.1, help="Largest photograph that is accepted, in megapixels.")
    ] = 24.0,
) -> None:
    """Serve the web app, which denoises photographs in the browser.

    Photographs are processed in memory and not kept.

    Example: casestudy app --port 8080
    """
    try:
        from streamlit.web import cli as streamlit
    except ImportError:
        raise CaseStudyError("The web app needs Streamlit: pip install '.[app]'") from None

    # Imported here for a fast start-up.
    from casestudy.commands.web_app import queue

    os.environ[queue.MAX_MEGAPIXELS] = str(max_megapixels)
    page = Path(queue.__file__).with_name("page.py")
    streamlit.main(["run", str(page), f"--server.port={port}", f"--server.address={address}"])


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CaseStudyError(f"-p {text}: write it as name=value, for example -p epochs=5.")
    return name, value


def main() -> None:
    """Run the command line; an error that the user can fix is one message and exit code 1."""
    try:
        with quiet_libraries():
            app()
    except CaseStudyError as error:
        message = str(error)
    except OSError as error:
        if error.filename is None:  # It is not about a file.
            raise
        message = f"{error.filename}: {error.strerror}. Check the path and your permissions there."
    else:
        return
    typer.secho(f"Error: {message}", fg="red", err=True)
    sys.exit(1)
