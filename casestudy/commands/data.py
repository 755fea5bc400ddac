"""`casestudy data`: see, fetch, add, check and prepare datasets."""

from pathlib import Path
from typing import Annotated

import typer

from casestudy import CaseStudyError
from casestudy.commands.names import Named

Dataset = Annotated[str, typer.Argument(help="A name from `casestudy data list`, or folder:PATH.")]

data_app = typer.Typer(no_args_is_help=True, help="See, fetch and check datasets.")


@data_app.command("list")
def data_list() -> None:
    """Show which datasets are there, and how to get the others."""
    # Imported here for a fast start-up.
    from casestudy.data.getting.fetch import availability

    for row in availability().itertuples():
        typer.secho(row.dataset, bold=True)
        typer.echo(f"  {row.what}")
        typer.echo(f"  terms: {row.terms}")
        typer.echo(f"  {row.pairs} pairs: {row.where}" if row.pairs else f"  to get it: {row.get}")


@data_app.command("fetch", cls=Named)
def data_fetch(dataset: Annotated[str, typer.Argument(help="The dataset: {fetched}.")]) -> None:
    """Download a dataset into the data root; after an interruption, the same command resumes."""
    # Imported here for a fast start-up.
    from casestudy.data.getting.fetch import fetch

    folder = fetch(dataset)
    typer.echo(f"{dataset} is in {folder}" if folder else f"{dataset} needs no download")


@data_app.command("add", cls=Named)
def data_add(
    dataset: Annotated[str, typer.Argument(help="The dataset: {added}.")],
    archives: Annotated[list[Path], typer.Argument(help="Zip or tar files you downloaded.")],
) -> None:
    """Verify archives of a dataset and unpack them into the data root.

    After an interruption, the same command resumes.
    """
    # Imported here for a fast start-up.
    from casestudy.data.catalogue import load_pairs
    from casestudy.data.getting.fetch import add

    folder = add(dataset, archives)
    try:
        typer.echo(f"{dataset} is in {folder}: {len(load_pairs(dataset))} pairs")
    except CaseStudyError as error:
        typer.echo(f"Unpacked to {folder}. To be complete: {error}")


@data_app.command("check")
def data_check(dataset: Dataset) -> None:
    """Open every pair and list what is wrong; exit code 1 if anything is."""
    # Imported here for a fast start-up.
    from casestudy.data.checking.check import check

    findings, sound = check(dataset)
    typer.echo(f"{dataset}: {sound} sound pairs, {len(findings)} findings")
    for finding in findings.itertuples():
        typer.echo(f"  {finding.pair}: {finding.kind}. {finding.advice}")
    raise typer.Exit(1 if len(findings) else 0)


@data_app.command("prepare")
def data_prepare(
    dataset: Dataset,
    protocol: Annotated[
        str, typer.Option(metavar="[native|article]", help="With article, resize to 1024x1024.")
    ] = "native",
    patch_size: Annotated[
        int, typer.Option(help="Side of a patch in pixels: 32, 64, 128, 256 or 512.")
    ] = 256,
) -> None:
    """Cut a dataset into patches before notebooks and trainings, which otherwise do it themselves.

    Example: casestudy data prepare sidd --protocol article
    """
    # Imported here for a fast start-up.
    from casestudy.data.catalogue import load_pairs
    from casestudy.data.patches import cut_patches
    from casestudy.data.settings import check_parameters
    from casestudy.files.folders import absolute

    dataset = absolute(dataset)
    check_parameters({"dataset": dataset, "protocol": protocol, "patch_size": patch_size})
    patches = cut_patches(dataset, load_pairs(dataset), patch_size, protocol)
    typer.echo(f"{dataset}: {len(patches):,} patches in {patches.folder}")
