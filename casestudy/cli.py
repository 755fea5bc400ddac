"""The `casestudy` command."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from casestudy.errors import CaseStudyError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Remove real camera noise from photographs: data and reports of the case study.",
)
data_app = typer.Typer(no_args_is_help=True, help="See, fetch and check datasets.")
app.add_typer(data_app, name="data")

# Of `train`: what a recipe decides.
_DATA_OPTIONS = {
    "dataset",
    "split_by",
    "protocol",
    "patch_size",
    "max_pairs",
    "max_train_patches",
    "max_validation_patches",
}

Dataset = Annotated[str, typer.Argument(help="A name from `casestudy data list`, or folder:PATH.")]
Method = Annotated[str, typer.Option(help="autoencoder, cbdnet, pridnet-half, ridnet, or nlm.")]
Runtime = Annotated[
    Literal["keras", "litert", "litert-int8", "openvino-int8"],
    typer.Option(help="What runs a network, in floats or in 8-bit integers: faster on CPUs."),
]


@app.command()
def report(
    dataset: Annotated[
        str, typer.Option(help="A name from `casestudy data list`, or folder:PATH.")
    ] = "sample",
    run: Annotated[
        str | None, typer.Option(help="Folder under reports/.  [default: the dataset's name]")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A notebook, as 03, and what it needs; may be repeated."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="May be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run unchanged notebooks too.")] = False,
) -> None:
    """Execute the notebooks and write their HTML reports to reports/RUN/index.html.

    Notebooks that have not changed since their last success are not run again. After a failure
    or an interruption, the same command goes on from there.

    Example: casestudy report --dataset polyu --run polyu-long -p epochs=50 -p seed=1
    """
    from casestudy.reporting import report

    try:
        report(dataset, run, only or (), dict(map(_assignment, parameter or [])), force)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on from there.", err=True)
        raise


@app.command()
def train(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="autoencoder, cbdnet, pridnet, pridnet-half or ridnet.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="released: its data and settings; settings given beside it win."),
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="A name from `casestudy data list`, or folder:PATH.")
    ] = "sample",
    run: Annotated[
        str | None,
        typer.Option(help="Folder under reports/.  [default: the recipe's or dataset's name]"),
    ] = None,
    start: Annotated[
        Literal["random", "released"],
        typer.Option(help="First weights: random, or those that come with the package."),
    ] = "random",
    epochs: Annotated[int, typer.Option(help="Times that every patch is shown.")] = 25,
    batch_size: Annotated[int, typer.Option(help="Patches per step.")] = 16,
    crop_size: Annotated[
        int, typer.Option(help="Side of random squares of the patches, in pixels; 0: whole.")
    ] = 64,
    loss: Annotated[str, typer.Option(help="mse, mae; cbdnet, cbdnet-mae: its own.")] = "mse",
    optimizer: Annotated[
        str, typer.Option(help="adam, or muon, which needs fewer steps.")
    ] = "adam",
    learning_rate: Annotated[float, typer.Option(help="The highest.")] = 1e-3,
    schedule: Annotated[str, typer.Option(help="cosine or constant.")] = "cosine",
    warmup_steps: Annotated[int, typer.Option(help="Steps of rising learning rate.")] = 0,
    clip_norm: Annotated[float, typer.Option(help="Largest gradient norm; 0: any.")] = 0.0,
    simulated_share: Annotated[
        float, typer.Option(help="Share of patches under simulated camera noise.")
    ] = 0.0,
    recompressed_share: Annotated[
        float, typer.Option(help="Share of the others that are compressed to JPEG once more.")
    ] = 0.0,
    exposure_matched: Annotated[
        bool,
        typer.Option(help="Shift clean patches to their noisy one's mean; not the simulated."),
    ] = False,
    filters: Annotated[int, typer.Option(help="Width; 0: the published one.")] = 0,
    bfloat16: Annotated[
        bool, typer.Option(help="Compute in bfloat16; weights stay float32.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Split, first weights and order.")] = 0,
    split_by: Annotated[
        str, typer.Option(help="scene or image.  [default: image if --protocol article]")
    ] = "",
    protocol: Annotated[
        str, typer.Option(help="native, or article: resize, split by image.")
    ] = "native",
    patch_size: Annotated[int, typer.Option(help="Pixels.")] = 256,
    max_pairs: Annotated[int, typer.Option(help="0: all.")] = 0,
    max_train_patches: Annotated[int, typer.Option(help="0: all.")] = 0,
    max_validation_patches: Annotated[int, typer.Option(help="0: all.")] = 0,
    checkpoint_steps: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 200,
    max_minutes: Annotated[
        float, typer.Option(help="Train no longer; the learning rate falls accordingly. 0: any.")
    ] = 0.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard events, too.")
    ] = False,
) -> None:
    """Train a network on the training scenes of a dataset, on all GPUs of the machine.

    Writes weights, history and manifest to reports/RUN/models. After an interruption, even a
    kill, the same command goes on. Notebooks of the run load the weights with -p weights=run.
    --start released goes on from the network that comes with the package, on pairs of yours.

    Example: casestudy train ridnet --dataset polyu --run long --epochs 25 --crop-size 64
    """
    from casestudy import recipes, released
    from casestudy.experiment import open_experiment
    from casestudy.models import build
    from casestudy.models.weights import load_weights
    from casestudy.parameters import check_parameters
    from casestudy.paths import absolute, reports_root, run_name
    from casestudy.training import train

    dataset = absolute(dataset)
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
        "bfloat16": bfloat16,
        "max_minutes": max_minutes,
        "checkpoint_steps": checkpoint_steps,
    }
    if recipe:
        given = {name for name in context.params if _is_given(context, name)}
        if others := sorted(given & _DATA_OPTIONS):
            option = others[0].replace("_", "-")
            raise CaseStudyError(f"--{option}: recipe {recipe} has data of its own. Leave it out.")
        settings |= {
            name: value
            for name, value in recipes.recipe(recipe, model).items()
            if name not in given
        }
    precision = "mixed_bfloat16" if settings.pop("bfloat16") else "float32"
    sizes = {"filters": filters} if filters else {}
    check_parameters({"seed": seed, "protocol": protocol, **sizes, **settings})
    network = build(model, seed, precision, **sizes)
    if start == "released":
        load_weights(network, released.released_file(model, ".safetensors"))
        settings["start"] = released.read_manifest(model)
    folder = reports_root() / run_name(recipe or dataset, run) / "models"
    if recipe:
        data = recipes.training_data()
        patches = {"train_patches": data.training, "validation_patches": data.validation}
        settings["simulated_from"] = data.simulated_from
    else:
        experiment = open_experiment(
            dataset,
            str(folder.parent),
            seed,
            split_by,
            protocol,
            patch_size,
            max_pairs,
            max_train_patches=max_train_patches,
            max_validation_patches=max_validation_patches,
        )
        patches = {"train_patches": experiment.train, "validation_patches": experiment.validation}
    try:
        history = train(
            network, **patches, folder=folder, seed=seed, tensorboard=tensorboard, **settings
        )
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on from the last checkpoint.", err=True)
        raise
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or folder}: {error.strerror or error}. Put this right; "
            "the same command goes on from the last checkpoint."
        ) from error
    best = history.loc[history["val_psnr_db"].idxmax()]
    typer.echo(f"Best validation PSNR {best['val_psnr_db']:.2f} dB, epoch {best['epoch']:.0f}")
    typer.echo(folder / f"{model}.safetensors")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="autoencoder, cbdnet, pridnet-half or ridnet.")],
    dataset: Annotated[
        str, typer.Option(help="A name from `casestudy data list`, or folder:PATH.")
    ] = "polyu",
    run: Annotated[
        str | None,
        typer.Option(help="Use what was trained in reports/RUN.  [default: the released weights]"),
    ] = None,
    filters: Annotated[int, typer.Option(help="Width it was trained with, in RUN; 0: usual.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(help="CSV file.  [default: reports/evaluation/MODEL-[RUN-]DATASET.csv]"),
    ] = None,
) -> None:
    """Score a network on whole images: the test part of a dataset, or the pairs of a folder.

    Writes PSNR and SSIM of every image, before and after, and prints means, by camera and ISO
    where they are known. Images that the network was trained on are left out.

    Example: casestudy evaluate ridnet --dataset folder:~/pairs
    """
    from casestudy import evaluation, models, released
    from casestudy.paths import absolute, reports_root, run_name, writable_file, written_whole
    from casestudy.trained import load_training, read_manifest

    dataset = absolute(dataset)
    name = "-".join([model, *([run_name("", run)] if run else []), run_name(dataset)])
    output = writable_file(output or reports_root() / "evaluation" / f"{name}.csv")
    if run:
        network = models.build(model, **({"filters": filters} if filters else {}))
        folder = reports_root() / run_name(dataset, run) / "models"
        load_training(network, folder)
        manifest = read_manifest(network, folder)
    else:
        network, manifest = models.load(model), released.read_manifest(model)
    scores = evaluation.evaluate_network(network, manifest, dataset)
    typer.echo(evaluation.describe(scores))
    with written_whole(output) as temporary:
        scores.to_csv(temporary, index=False)
    typer.echo(output)


@app.command()
def release(
    model: Annotated[str, typer.Argument(help="autoencoder, cbdnet, pridnet-half or ridnet.")],
    run: Annotated[str, typer.Option(help="Where `casestudy train` left it.")] = "released",
) -> None:
    """Score a trained network and make it part of the package, with its model card.

    Example: casestudy release ridnet
    """
    from casestudy import released
    from casestudy.paths import reports_root, run_name
    from casestudy.release import release

    release(model, reports_root() / run_name("", run) / "models")
    typer.echo(released.FOLDER / f"{model}.md")


@app.command()
def quantize(
    model: Annotated[str, typer.Argument(help="autoencoder, cbdnet, pridnet-half or ridnet.")],
    to: Annotated[str, typer.Option(help="float32, float16, dynamic-int8 or int8.")] = "int8",
    run: Annotated[
        str | None,
        typer.Option(help="Use what was trained in reports/RUN.  [default: the released weights]"),
    ] = None,
    filters: Annotated[int, typer.Option(help="Width it was trained with, in RUN; 0: usual.")] = 0,
    floats: Annotated[
        list[str] | None,
        typer.Option(help="One more block that int8 leaves in floats, such as eam1; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="[default: reports/litert/MODEL-[RUN-]TO.tflite]"),
    ] = None,
) -> None:
    """Write a network as a LiteRT file, and beside it what it expects and what it costs.

    Example: casestudy quantize ridnet --to int8
    """
    from casestudy import models
    from casestudy.paths import reports_root, run_name, writable_file
    from casestudy.quantization import write_file
    from casestudy.trained import load_training

    if run:
        network = models.build(model, **({"filters": filters} if filters else {}))
        load_training(network, reports_root() / run_name("", run) / "models")
    else:
        network = models.load(model)
    name = "-".join([model, *([run] if run else []), to])
    output = writable_file(output or reports_root() / "litert" / f"{name}.tflite")
    command = " ".join(
        [
            f"casestudy quantize {model} --to {to}",
            *([f"--run {run}"] if run else []),
            *([f"--filters {filters}"] if filters else []),
            *(f"--floats {block}" for block in floats or ()),
        ]
    )
    card = write_file(network, to, output, floats or (), command)
    typer.echo(f"{output}\n{card}")


@app.command()
def denoise(
    source: Annotated[Path, typer.Argument(help="A photograph, or a folder of them.")],
    target: Annotated[Path, typer.Argument(help="The file to write, or the folder.")],
    model: Method = "ridnet",
    runtime: Runtime = "litert-int8",
    tile: Annotated[
        int, typer.Option(help="Pixels that a network works on at once, squared; 0: the image.")
    ] = 512,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results.")] = False,
) -> None:
    """Denoise a photograph, or all photographs in a folder and its sub-folders.

    PNG, JPEG, TIFF, WebP and BMP; bit depth, EXIF and colour profile stay. In a folder, results
    that are there are skipped, so the same command goes on after an interruption; a photograph
    that cannot be read is reported, the others are done, and the exit code is 1. Sub-folders
    that hold results of earlier runs are left out; a hidden file, .casestudy-denoised, tells
    them, and by what they were made.

    Example: casestudy denoise holiday/ denoised/
    """
    from functools import partial

    from tqdm import tqdm

    from casestudy.denoise_files import Denoise, denoise_file, denoise_folder
    from casestudy.denoisers import photo_denoiser
    from casestudy.inference import check_tiles

    check_tiles(tile)
    progress = partial(tqdm, desc="denoising", unit="tile", leave=False, disable=None)

    def load() -> Denoise:
        return partial(photo_denoiser(model, runtime, tile), progress=progress)

    if not source.is_dir():
        target = target / source.name if target.is_dir() else target
        photo = denoise_file(load, source, target, overwrite)
        for sentence in photo.conversions:
            typer.echo(f"{source}: {sentence}", err=True)
        typer.echo(target)
        return
    made_by = model if model == "nlm" else f"{model} with {runtime}"
    try:
        outcome = denoise_folder(load, made_by, source, target, overwrite)
    except KeyboardInterrupt:
        goes_on = "begins anew" if overwrite else "goes on"
        typer.echo(f"Stopped. The same command {goes_on}.", err=True)
        raise
    for path, sentences in outcome.conversions.items():
        typer.echo(f"{path}: {' '.join(sentences)}", err=True)
    for path in outcome.others:
        typer.echo(f"{path}: left out, its name is not that of a photograph.", err=True)
    for folder in outcome.earlier:
        typer.echo(f"{folder}: left out, it holds results of an earlier run.", err=True)
    for message in outcome.failed.values():
        typer.secho(f"Error: {message}", fg="red", err=True)
    typer.echo(
        f"{target}: {len(outcome.done)} denoised, {len(outcome.skipped)} were there, "
        f"{len(outcome.failed)} failed"
    )
    raise typer.Exit(1 if outcome.failed else 0)


@app.command()
def benchmark(
    name: Annotated[Literal["sidd", "dnd"], typer.Argument(help="sidd or dnd, the sRGB track.")],
    folder: Annotated[Path, typer.Argument(help="Where to write the submission.")],
    model: Method = "ridnet",
    runtime: Runtime = "keras",
) -> None:
    """Denoise the inputs of a public benchmark into files that its server takes.

    Its truth is not public: the server scores. An interrupted command goes on.

    Example: casestudy benchmark sidd submission/ --model ridnet
    """
    from casestudy import provenance, released
    from casestudy.denoisers import photo_denoiser
    from casestudy.submissions import submit_dnd, submit_sidd

    made_from = {"model": model}
    if model != "nlm":
        weights = released.released_file(model, ".safetensors")
        made_from |= {"runtime": runtime, "weights": provenance.hash_file(weights)}
    submit = {"sidd": submit_sidd, "dnd": submit_dnd}[name]
    try:
        submit(photo_denoiser(model, runtime), made_from, folder)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on from there.", err=True)
        raise
    typer.echo(folder)


@app.command("app")
def web_app(
    port: Annotated[int, typer.Option(help="Where to serve it.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Who can reach it: this machine, or with 0.0.0.0 its networks too.")
    ] = "127.0.0.1",
    max_megapixels: Annotated[
        float, typer.Option(min=0.1, help="The largest photograph taken.")
    ] = 24.0,
) -> None:
    """Serve the web app: denoise photographs in the browser.

    Photographs are processed in memory and not kept.

    Example: casestudy app --port 8080
    """
    try:
        from streamlit.web import cli as streamlit
    except ImportError:
        raise CaseStudyError("The web app needs Streamlit: pip install '.[app]'") from None

    from casestudy import released, service
    from casestudy.litert import litert_file

    for network in released.NETWORKS:
        litert_file(network, "int8")  # before anybody waits for it
    os.environ[service.MAX_MEGAPIXELS] = str(max_megapixels)
    page = Path(service.__file__).with_name("app.py")
    streamlit.main(["run", str(page), f"--server.port={port}", f"--server.address={address}"])


@data_app.command("list")
def data_list() -> None:
    """Tell which datasets are there, and how to get the others."""
    import pandas as pd

    from casestudy.datasets.fetch import availability

    for row in availability().itertuples():
        typer.secho(row.dataset, bold=True)
        typer.echo(f"  {row.what}")
        typer.echo(f"  terms: {row.terms}")
        there = row.pairs is not pd.NA and row.pairs > 0
        typer.echo(f"  {row.pairs} pairs: {row.where}" if there else f"  to get it: {row.get}")


@data_app.command("fetch")
def data_fetch(dataset: Annotated[str, typer.Argument(help="polyu or sidd.")]) -> None:
    """Download a dataset into the data root; an interrupted download goes on."""
    from casestudy.datasets.fetch import fetch

    folder = fetch(dataset)
    typer.echo(f"{dataset} is in {folder}" if folder else f"{dataset} needs no download")


@data_app.command("add")
def data_add(
    dataset: Annotated[str, typer.Argument(help="sidd or renoir.")],
    archives: Annotated[list[Path], typer.Argument(help="Zip or tar files you downloaded.")],
) -> None:
    """Verify archives of a dataset and unpack them into the data root; goes on if interrupted."""
    from casestudy.datasets import load_pairs
    from casestudy.datasets.add import add

    folder = add(dataset, archives)
    try:
        typer.echo(f"{dataset} is in {folder}: {len(load_pairs(dataset))} pairs")
    except CaseStudyError as error:
        typer.echo(f"Unpacked to {folder}. To be complete: {error}")


@data_app.command("check")
def data_check(dataset: Dataset) -> None:
    """Open every pair and list what is wrong; exit code 1 if anything is."""
    from casestudy.datasets.check import check

    findings, sound = check(dataset)
    typer.echo(f"{dataset}: {sound} sound pairs, {len(findings)} findings")
    for finding in findings.itertuples():
        typer.echo(f"  {finding.pair}: {finding.kind}. {finding.advice}")
    raise typer.Exit(1 if len(findings) else 0)


@data_app.command("prepare")
def data_prepare(
    dataset: Dataset,
    protocol: Annotated[str, typer.Option(help="native, or article: resize first.")] = "native",
    patch_size: Annotated[int, typer.Option(help="Pixels.")] = 256,
) -> None:
    """Cut a dataset into patches ahead of notebooks and trainings, which else do it themselves.

    Example: casestudy data prepare sidd --protocol article
    """
    from casestudy.datasets import load_pairs
    from casestudy.parameters import check_parameters
    from casestudy.patches import cut_patches
    from casestudy.paths import absolute

    dataset = absolute(dataset)
    check_parameters({"dataset": dataset, "protocol": protocol, "patch_size": patch_size})
    patches = cut_patches(dataset, load_pairs(dataset), patch_size, protocol)
    typer.echo(f"{dataset}: {len(patches):,} patches in {patches.folder}")


def _is_given(context: typer.Context, name: str) -> bool:
    return context.get_parameter_source(name).name == "COMMANDLINE"


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CaseStudyError(f"-p {text}: write it as name=value, for example -p epochs=5.")
    return name, value


def main() -> None:
    """Run the command line; an error that the user can mend is one message and exit code 1."""
    try:
        app()
    except CaseStudyError as error:
        message = str(error)
    except OSError as error:
        if error.filename is None:  # of no file, so nothing that a message would help with
            raise
        message = f"{error.filename}: {error.strerror}. Check the path, and what you may do there."
    else:
        return
    typer.secho(f"Error: {message}", fg="red", err=True)
    sys.exit(1)
