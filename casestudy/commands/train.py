"""`casestudy train`: a network, trained on a dataset or by a recipe."""

import inspect
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from casestudy import CaseStudyError, models
from casestudy.commands.names import Named
from casestudy.data.settings import DataSettings, check_parameters
from casestudy.files.folders import absolute, reports_root, run_name
from casestudy.models import released
from casestudy.training.settings import RECIPES, NetworkSettings, Parameters, TrainingSettings
from casestudy.training.settings import recipe as settings_of_recipe

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

# The folder is given by --run, and a training does not test.
DATA = set(DataSettings.model_fields) - {"seed", "run_folder", "max_test_patches"}
TRAINING = set(TrainingSettings.model_fields)


def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The network: {networks}.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{'|'.join(RECIPES)}]",
            help="Use the data and settings of the released networks, or the same data and time "
            "for each network; options override settings.",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Folder in reports/.  [default: the recipe's or dataset's name]"),
    ] = None,
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Let a recipe do without datasets that are missing."),
    ] = False,
    start: Annotated[
        Literal["random", "released"],
        typer.Option(help="First weights: random, or those of the released network."),
    ] = "random",
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard events.")
    ] = False,
    **settings: object,
) -> None:
    """Train a network on the training scenes of a dataset, on all GPUs of the machine.

    Writes weights, history and manifest to reports/RUN/models. After an interruption, even a
    kill, the same command resumes. `casestudy report --run RUN -p weights=run` loads the weights.
    --start released fine-tunes a network that comes with the package on your own pairs.

    Example: casestudy train ridnet --dataset polyu --run long --epochs 25 --crop-size 64
    """
    (released if start == "released" else models).record(model)
    settings["dataset"] = absolute(settings["dataset"])
    if recipe:
        settings |= _of_recipe(context, recipe, model)
    settings = check_parameters(settings, Parameters)
    if settings["critic_weight"] and start != "released":
        raise CaseStudyError("A critic needs a network that denoises. Use --start released.")
    folder = reports_root() / run_name(recipe or settings["dataset"], run) / "models"
    patches = _patches(recipe, allow_missing, settings, folder)
    # Imported after all checks: Keras takes seconds to import.
    from casestudy.training.train import train

    network, first = _network(model, settings, start)
    chosen = {name: value for name, value in settings.items() if name in TRAINING}
    try:
        history = train(
            network, **patches, folder=folder, tensorboard=tensorboard, start=first, **chosen
        )
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command resumes from the last checkpoint.", err=True)
        raise
    except OSError as error:
        raise CaseStudyError(
            f"{error.filename or folder}: {error.strerror or error}. Put this right; "
            "the same command resumes from the last checkpoint."
        ) from error
    best = history.loc[history["val_psnr_db"].idxmax()]
    typer.echo(f"Best validation PSNR {best['val_psnr_db']:.2f} dB, epoch {best['epoch']:.0f}")
    typer.echo(folder / f"{model}.safetensors")


def _of_recipe(context: typer.Context, name: str, network: str) -> dict[str, object]:
    """Return the settings of a recipe that were not given on the command line."""
    given = {
        option
        for option in context.params
        if context.get_parameter_source(option).name == "COMMANDLINE"
    }
    if others := sorted(given & (DATA | {"simulated_share"})):
        option = others[0].replace("_", "-")
        raise CaseStudyError(f"--{option}: recipe {name} has its own data. Leave it out.")
    return {k: value for k, value in settings_of_recipe(name, network).items() if k not in given}


def _network(model: str, settings: dict[str, object], start: str) -> tuple:
    """Return a network to train, and the manifest of its first weights, if there is one."""
    # Imported here for a fast start-up: Keras takes seconds.
    from casestudy.models.weights import load_weights

    sizes = {"filters": settings["filters"]} if settings["filters"] else {}
    precision = "mixed_bfloat16" if settings["bfloat16"] else "float32"
    network = models.build(model, settings["seed"], precision, **sizes)
    if start == "random":
        return network, None
    load_weights(network, released.released_file(model, ".safetensors"))
    return network, released.manifest(model)


def _patches(
    recipe: str | None, allow_missing: bool, settings: dict[str, object], folder: Path
) -> dict[str, object]:
    """Return the patches of a recipe, or of a dataset, by their names in `train`."""
    if recipe:
        # Imported here for a fast start-up: Keras takes seconds.
        from casestudy.training import recipes

        data = recipes.training_data(allow_missing)
        return {
            "train_patches": data.training,
            "validation_patches": data.validation,
            "sources": data.sources,
        }
    # Imported here for a fast start-up: pandas takes half a second.
    from casestudy.data.experiment import open_experiment

    limits = settings["max_train_patches"], settings["max_validation_patches"]
    chosen = {
        name: settings[name]
        for name in ("dataset", "split_seed", "split_by", "protocol", "patch_size", "max_pairs")
    }
    experiment = open_experiment(run_folder=str(folder.parent), **chosen).at_most(*limits)
    return {"train_patches": experiment.train, "validation_patches": experiment.validation}


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return a field as an option; a closed set of values is shown, and checked by the field."""
    kind, metavar = field.annotation, None
    if get_origin(kind) is Literal:
        kind, metavar = str, f"[{'|'.join(filter(None, get_args(kind)))}]"
    option = typer.Option(help=field.description, metavar=metavar)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.default,
        annotation=Annotated[kind, option],
    )


# typer reads options from the signature, in which one per field takes the place of **settings.
_own = list(inspect.signature(train).parameters.values())[:-1]
_options = [
    _option(name, field)
    for name, field in Parameters.model_fields.items()
    if name in DATA | TRAINING | set(NetworkSettings.model_fields)
]
train.__signature__ = inspect.Signature([*_own, *_options])
app.command(cls=Named)(train)
