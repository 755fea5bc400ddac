"""The `casestudy` command."""

import sys
from typing import Annotated

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

Dataset = Annotated[str, typer.Argument(help="A name from `casestudy data list`, or folder:PATH.")]


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
def data_fetch(dataset: Annotated[str, typer.Argument(help="Such as polyu.")]) -> None:
    """Download a dataset into the data root; an interrupted download goes on."""
    from casestudy.datasets.fetch import fetch

    folder = fetch(dataset)
    typer.echo(f"{dataset} is in {folder}" if folder else f"{dataset} needs no download")


@data_app.command("check")
def data_check(dataset: Dataset) -> None:
    """Open every pair and list what is wrong; exit code 1 if anything is."""
    from casestudy.datasets.check import check

    findings, sound = check(dataset)
    typer.echo(f"{dataset}: {sound} sound pairs, {len(findings)} findings")
    for finding in findings.itertuples():
        typer.echo(f"  {finding.pair}: {finding.kind}. {finding.advice}")
    raise typer.Exit(1 if len(findings) else 0)


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
        typer.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(1)
