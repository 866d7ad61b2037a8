"""The ``homegrown`` command. Verbs are imported only when they are called, so that ``--help`` is instant."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from homegrown import __version__
from homegrown.errors import HomegrownError

SHOW_TRACEBACK = "HOMEGROWN_TRACEBACK"

# verb → (module below homegrown.cli, one line of help); a test holds this table and the modules together.
VERBS = {
    "grow": ("grow", "From a file to a served model: the whole loop in one command."),
    "ingest": ("ingest", "Read files into records."),
    "embed": ("embed", "Give every record its vector."),
    "query": ("query", "Ask the workspace in SQL; search its records."),
    "label": ("label", "Turn a column into classes and votes; join the votes of many sources to labels."),
    "curate": ("curate", "Freeze what is labelled into a snapshot with its splits."),
    "train": ("train", "Fit a model on a snapshot."),
    "evaluate": ("evaluate", "Measure a model on texts it never saw, and write the report."),
    "retrain": ("retrain", "A challenger from the newest votes; it answers only if it loses nothing."),
    "predict": ("predict", "Answer texts with a model, offline."),
    "export": ("export", "Write a model for sentence-transformers, transformers and ONNX Runtime."),
    "serve": ("serve", "Answer over HTTP: the API, OpenAI's clients, the studio."),
    "monitor": ("monitor", "Calls of a model API: bring them in, find the tasks in them, make a Task of one."),
    "cost": ("cost", "What answers cost, and when owning beats renting."),
    "gateway": ("gateway", "Stand between programs and a model API: keep every call, one changed address."),
    "jobs": ("jobs", "See, cancel and repeat what runs in the background."),
    "forget": ("forget", "Remove records for good, and name what they touched."),
    "govern": ("govern", "Keys, sign-in links, audit."),
    "doctor": ("doctor", "Check the machine and the workspace; say what is wrong and what to do."),
    "demo": ("demo", "The whole loop on real bank queries, from the CSV to a live answer."),
}


class Loader(click.Group):
    """A group whose commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of the loop."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"homegrown.cli.{VERBS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Loader)
@click.version_option(__version__, prog_name="homegrown")
def cli() -> None:
    """Turn the data you already have into small models that you own."""


def main() -> None:
    """Run the command; errors become one sentence and an exit code, never a traceback."""
    # Beside other work on the same cores, threads that spin while they wait for one another take the time of those
    # they wait for: fine-tuning on two busy cores took 367 s in place of 95. Read by OpenMP when PyTorch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        cli.main(standalone_mode=False)
    except HomegrownError as error:
        click.echo(f"homegrown: {error.message}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("homegrown: stopped. What was finished is kept.", err=True)
        sys.exit(1)
    except Exception as error:  # a fault of ours: a person gets a sentence, who mends it asks for the rest
        if os.environ.get(SHOW_TRACEBACK):
            raise
        what = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
        click.echo(
            f"homegrown: this failed unexpectedly ({what}). What was finished is kept. To see where, run it again "
            f"with {SHOW_TRACEBACK}=1.",
            err=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
