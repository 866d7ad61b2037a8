"""A verb that has verbs below it, imported on demand, and one that is meant when none is named."""

from __future__ import annotations

from importlib import import_module

import click


class Family(click.Group):
    """``homegrown label rules …`` runs the part ``rules``; ``homegrown label TASK COLUMN`` runs the first part.

    Args:
        name: of the verb.
        parts: part → (module whose ``command`` it is, one line of help). The first is run where no part is named.
        help: of the verb as a whole.

    Example:
        >>> Family("label", {"column": ("homegrown.cli.label_column", "From a column.")}, help="Labels.").name
        'label'
    """

    def __init__(self, name: str, parts: dict[str, tuple[str, str]], *, help: str) -> None:
        super().__init__(name, help=help)
        self.parts = parts
        self._first = next(iter(parts))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Parts in the order of the table."""
        return list(self.parts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one part."""
        if cmd_name not in self.parts:
            return None
        command: click.Command = import_module(self.parts[cmd_name][0]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the first part before arguments that name none."""
        if args and args[0] not in self.parts and args[0] not in ctx.help_option_names:
            args = [self._first, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the parts without importing any."""
        with formatter.section("Parts"):
            formatter.write_dl([(name, text) for name, (_, text) in self.parts.items()])
