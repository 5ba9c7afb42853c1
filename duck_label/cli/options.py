"""The options that commands share but for the configuration: what is told, what looking may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from duck_label.look.resources import Resources

Command = TypeVar("Command", bound=Callable[..., Any])


def debug(command: Command) -> Command:
    """Add --debug to a command; it is kept where the group looks for it."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta["debug"] = value

    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Show where an error was raised.",
    )(command)


def narration(command: Command) -> Command:
    """Add the options of a command that works for a while: what it tells meanwhile, and after."""
    options = [
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
        click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors to stderr."),
        click.option("-v", "--verbose", is_flag=True, help="Write a line for every chunk."),
        click.option("--no-progress", is_flag=True, help="Show no progress bar."),
        click.option("--profile", is_flag=True, help="Write what steps and chunks took to stderr."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def resources(command: Command) -> Command:
    """Add the options of what looking at an output may use."""
    options = [
        click.option(
            "--memory-limit",
            metavar="1GB|512MiB|0.5|auto",
            help="Budget of the whole process.  [default: 1GB]",
        ),
        click.option("--threads", type=int, help="Threads.  [default: run.threads, or all cores]"),
        click.option(
            "--temp-dir",
            metavar="DIR",
            help="Where to spill.  [default: run.temp_dir, or the system's folder]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def resources_of(memory_limit: str | None, threads: int | None, temp_dir: str | None) -> Resources:
    """What looking may use, given the options of `resources`.

    What `duck_label.toml` says of threads and spilling holds here too; its memory limit is a run's.

    Raises:
        ConfigError: naming the option, or the file and key, that is wrong.
    """
    from duck_label import settings
    from duck_label.look.resources import MEMORY_LIMIT, Resources

    options = {"run.threads": threads, "run.temp_dir": temp_dir}
    run = settings.load(
        {key: value for key, value in options.items() if value is not None}
    ).config.run
    return Resources(memory_limit or MEMORY_LIMIT, run.threads, run.temp_dir, run.max_temp_size)
