"""Model cards: Markdown files, filled in from the templates next to this module."""

import jinja2

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("casestudy.commands", ""),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
)


def render(template: str, **values: object) -> str:
    """Return a template with its values filled in; a missing value is an error."""
    return _TEMPLATES.get_template(template).render(**values)
