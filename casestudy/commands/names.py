"""Help texts that name the networks, which are looked up when the help is asked for."""

import click
from typer.core import TyperCommand

from casestudy.models import NETWORKS
from casestudy.models.released import titles


class NamesNetworks(TyperCommand):
    """A command whose help may hold {networks} and {released}, which become lists of names."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        lists = {"{networks}": ", ".join(NETWORKS), "{released}": ", ".join(titles())}
        parameters = super().get_params(ctx)
        for parameter in parameters:
            for placeholder, names in lists.items():
                help_text = getattr(parameter, "help", None) or ""
                if placeholder in help_text:
                    parameter.help = help_text.replace(placeholder, names)
        return parameters
