"""Help texts that name networks and datasets, which are looked up when the help is asked for."""

import typer
from typer.core import TyperCommand


class Named(TyperCommand):
    """A command whose help may hold the keys of `_Names` in braces, such as {released}."""

    def get_params(self, ctx: typer.Context) -> list:
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if text := getattr(parameter, "help", None):
                parameter.help = text.format_map(_Names())
        return parameters


class _Names(dict):
    def __missing__(self, key: str) -> str:
        # Imported here for a fast start-up.
        if key in ("networks", "released", "compared"):
            from casestudy.models import NETWORKS

            chosen = {
                "networks": lambda network: True,
                "released": lambda network: network.released,
                "compared": lambda network: "equal-cost" in network.recipes,
            }
            return ", ".join(filter(lambda name: chosen[key](NETWORKS[name]), NETWORKS))
        from casestudy.data.catalogue import DATASETS

        way = {"fetched": "fetch", "added": "add"}[key]
        return " or ".join(name for name, each in DATASETS.items() if getattr(each, way))
