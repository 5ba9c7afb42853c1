"""The command that makes weights anew: parse, call, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from duck_label.cli.configuration import configuration, settings_of
from duck_label.cli.options import debug, narration
from duck_label.cli.values import Place


@click.command()
@click.argument("output", type=Place(exists=True), metavar="OUT")
@configuration
@narration
@debug
def weigh(
    output: str | Path,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
    profile: bool,
    **configuration: Any,
) -> None:
    """Make the weights of OUT anew, from other constants, factors or as_of, without labeling.

    OUT was labeled with --details. Its weights become those of a run with the configuration in
    force; labels and details stay as they are. No bars are read, so they need not be there. Part
    files are replaced one by one, and the same command goes on after an interruption.

    \b
    duck-label weigh labels --as-of 2024-12-20
    duck-label weigh labels --set weights.decay_rate=0.1
    """
    from duck_label.cli.progress import TerminalProgress, summary_text
    from duck_label.profile import Profile
    from duck_label.run.weigh import factors_there, weigh

    config = settings_of(configuration, factors_there(output)).config
    steps = Profile() if profile else None
    with TerminalProgress(quiet=quiet, verbose=verbose, show_bar=not no_progress) as progress:
        summary = weigh(output, config, progress, steps)
    progress.note(summary_text(summary))
    if steps is not None:
        progress.note(steps.table(summary.seconds))
    if as_json:
        click.echo(json.dumps(summary.to_json()))
