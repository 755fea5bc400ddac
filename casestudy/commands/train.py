"""`casestudy train`: a network, trained on a dataset or by a recipe."""

from typing import Annotated, Literal

import typer

from casestudy import CaseStudyError

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


def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="{networks}.")],
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
    # Imported here for a fast start-up.
    from casestudy.data.experiment import open_experiment
    from casestudy.data.settings import check_parameters
    from casestudy.files.folders import absolute, reports_root, run_name
    from casestudy.models import build, released
    from casestudy.models.weights import load_weights
    from casestudy.training import recipes
    from casestudy.training.train import train

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


def _is_given(context: typer.Context, name: str) -> bool:
    return context.get_parameter_source(name).name == "COMMANDLINE"
