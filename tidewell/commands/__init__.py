"""The command line: every process of Tidewell starts here, and nothing else lives here.

The only place of the shared ground that imports stages. An error of ours is one line that a person
can act on, never a traceback; its exit status is 2 where only a person can put it right, else 1.
"""

from __future__ import annotations

import sys

import typer

from tidewell.commands import (
    alert,
    assigning,
    audit,
    backtest,
    contact,
    demo,
    devices,
    doctor,
    evaluate,
    lawful,
    people,
    policy,
    repair,
    rota,
    score,
    sign_ins,
    small_site,
    stages,
    tokens,
    trying,
)
from tidewell.errors import TidewellError, UsageError

app = typer.Typer(
    name="tidewell",
    help="Tidewell: a wearable wellbeing monitoring service for children's services.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    small_site,
    doctor,
    stages,
    demo,
    people,
    sign_ins,
    devices,
    score,
    backtest,
    repair,
    evaluate,
    alert,
    contact,
    assigning,
    audit,
    policy,
    rota,
    trying,
    lawful,
    tokens,
):
    module.register(app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)  # stopped before anything had begun; as a shell says it
    except UsageError as error:
        sys.stderr.write(f"tidewell: {error}\n")
        sys.exit(2)
    except TidewellError as error:
        sys.stderr.write(f"tidewell: {error}\n")
        sys.exit(1)
