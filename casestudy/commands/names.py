"""Help texts that name the networks, which are looked up when the help is asked for."""

import typer
from typer.core import TyperCommand


class NamesNetworks(TyperCommand):
    """A command whose help may hold {networks} and {released}, which become lists of names."""

    def get_params(self, ctx: typer.Context) -> list:
        # Imported here for a fast start-up.
        from casestudy.models import NETWORKS

        names = {
            "networks": ", ".join(NETWORKS),
            "released": ", ".join(name for name, record in NETWORKS.items() if record.released),
        }
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if text := getattr(parameter, "help", None):
                parameter.help = text.format_map(names)
        return parameters
