"""The commands that look at what was labeled, and at what labels it: parse, call, print."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click

from duck_label.cli.configuration import configuration, settings_of
from duck_label.cli.options import debug, resources, resources_of
from duck_label.cli.values import HomePath, Moment, Place
from duck_label.cli.writing import FORMATS
from duck_label.errors import ConfigError, LabelMismatchError, OutputError, QueryError
from duck_label.storage.names import settled
from duck_label.tables import counted

# While bash completes names of hosts, it ends a word at @, and never asks for a saved query's name.
_WHOLE_WORDS = {"bash": "shopt -u hostcomplete\n"}


class _Query(click.ParamType[str]):
    """A query; `@` and Tab complete the names of the saved ones."""

    name = "query"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - the shape that click calls
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[click.shell_completion.CompletionItem]:
        """The saved queries that begin so."""
        from duck_label.look.saved_queries import saved_queries

        return [
            click.shell_completion.CompletionItem(f"@{saved.name}", help=saved.purpose)
            for saved in saved_queries().values()
            if f"@{saved.name}".startswith(incomplete)
        ]


_OUTPUT = click.argument("folder", metavar="OUT", type=Place(exists=True))


@click.command()
@_OUTPUT
@click.argument("query", required=False, type=_Query())
@click.option(
    "--file",
    "query_file",
    type=HomePath(dir_okay=False, exists=True),
    help="Read the query from a file.",
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of $NAME in the query.",
)
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="How to write the result.  [default: as -o is named, or table]",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=HomePath(dir_okay=False),
    help="Write the result to a file, not to stdout.",
)
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Most rows that a table shows.",
)
@click.option("--list", "wants_list", is_flag=True, help="List the saved queries.")
@click.option("--show", is_flag=True, help="Print the query, do not run it.")
@resources
@debug
def sql(
    folder: str | Path,
    query: str | None,
    query_file: Path | None,
    parameters: tuple[str, ...],
    kind: str | None,
    target: Path | None,
    rows: int,
    wants_list: bool,
    show: bool,
    **resources: Any,
) -> None:
    """Query the labels and records of an output folder, also while a run is writing it.

    The views are labels, labels_long (a row per bar and mode), runs, chunks, snapshots and
    memory_events. Nothing that a query says can change a file. Without a query it is a prompt.

    \b
    duck-label sql labels
    duck-label sql labels @win_rates
    duck-label sql labels "select * from labels_long where mode = \\$m" -p m=low_vol_long -o low.csv
    """
    from duck_label.cli import writing
    from duck_label.look.inspect import Output
    from duck_label.look.saved_queries import saved_queries, saved_query

    if wants_list:
        for saved in saved_queries().values():
            click.echo(f"@{saved.name:<20} {saved.purpose}")
        return
    query = _query(query, query_file)
    if show:
        if query is None:
            raise QueryError("--show prints a query: name one, such as @win_rates")
        is_saved = query.startswith("@")
        click.echo(saved_query(query[1:]).text if is_saved else query, nl=not is_saved)
        return
    with Output(folder, resources_of(**resources)) as output:
        if target is not None and output.holds(target):
            raise OutputError(
                f"{target}: is inside the output folder {folder}, which sql never changes"
            )
        if query is None and sys.stdin.isatty():
            from duck_label.cli.prompt import talk

            if parameters or target is not None:
                raise QueryError("-p and -o belong to a query, and a prompt takes none: name one")

            talk(output, kind or "table", rows)
            return
        asked = sys.stdin.read() if query is None else query
        values = dict(map(_parameter, parameters))
        form = kind or writing.format_of(target)

        output.interruptible(lambda: writing.answer(output, asked, values, form, target, rows))


def _query(query: str | None, file: Path | None) -> str | None:
    """The query that was given, in words or in a file; None where there is none."""
    if file is None:
        return query
    if query is not None:
        raise QueryError("a query and --file exclude each other: give one")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise QueryError(f"{file}: is no text in UTF-8: save it as such") from error


def _parameter(text: str) -> tuple[str, Any]:
    """A `NAME=VALUE`; a value that is no number, true, false or null is text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"-p {text}: write NAME=VALUE, such as -p mode=low_vol_long")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, value if isinstance(parsed, dict | list | str) else parsed


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@debug
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options with Tab.

    \b
    duck-label completion bash >> ~/.bashrc
    duck-label completion zsh >> ~/.zshrc
    duck-label completion fish > ~/.config/fish/completions/duck-label.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    assert made is not None, shell  # noqa: S101 - click brings the three
    script = made(root, {}, "duck-label", "_DUCK_LABEL_COMPLETE").source()
    click.echo(_WHOLE_WORDS.get(shell, "") + script)


@click.command()
@_OUTPUT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@debug
def check(folder: str | Path, as_json: bool) -> None:
    """Read all part files and say which are damaged, missing, or none of this output.

    Each is compared with the digest that was recorded when it was written. Exits with 5 if one is
    not as it was written, or a Parquet file lies there that is no part.

    \b
    duck-label check labels
    """
    from duck_label.look.check import check, refuse

    found = check(folder)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        beside = f", beside others ({', '.join(found.foreign)})" if found.foreign else ""
        are = "is as it was" if found.parts == 1 else "are as they were"
        click.echo(f"{counted(found.parts, 'part file')} {are} written{beside}")
    refuse(found)


@click.command()
@_OUTPUT
@click.option("--at", type=Moment(), required=True, help="Time of the bar, UTC.")
@click.option("--symbol", help="Symbol of the bar, where several have one.")
@click.option("--mode", help="One trading mode.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, an object per mode.")
@click.option(
    "--plot",
    "picture",
    type=HomePath(dir_okay=False),
    help="Draw it into a file: .png, .svg or .html.",
)
@resources
@debug
def explain(
    folder: str | Path,
    at: date,
    symbol: str | None,
    mode: str | None,
    as_json: bool,
    picture: Path | None,
    **resources: Any,
) -> None:
    """Tell why a bar has its label: entry, barriers, path, outcome, each factor of the weight.

    The trade is walked anew, bar by bar, and compared with what is stored: exit code 1 where they
    differ. Part files are all it needs, and the files that ask for bars; where only bars that are
    asked were written, the input too.

    \b
    duck-label explain labels --at 2024-03-04T14:30:05 --mode low_vol_long
    duck-label explain labels --at 2024-03-04T14:30:05 --symbol ES --plot trade.png
    """
    from duck_label.cli.story import tell, to_json
    from duck_label.look.explain import explain
    from duck_label.look.inspect import Output

    with Output(folder, resources_of(**resources)) as output:
        stories = explain(output, at, symbol, mode)
    if picture is not None:
        from duck_label.look.picture import draw

        draw(stories, picture)
    if as_json:
        click.echo(json.dumps([to_json(story) for story in stories], indent=2))
    else:
        click.echo("\n\n".join(map(tell, stories)))
    wrong = [story.trade.mode.name for story in stories if story.verdict == "differs"]
    if wrong:
        raise LabelMismatchError(
            f"the labels of {', '.join(wrong)} in {folder} are not what its bars give: "
            "label again with --no-resume, and report it if they still differ"
        )


@click.command("show-sql")
@click.argument("inputs", nargs=-1, required=True, metavar="[STEP] INPUT...")
@configuration
@debug
def show_sql(inputs: tuple[str, ...], **values: Any) -> None:
    """Print the SQL that a run executes for these bars and this configuration.

    It is a script for the DuckDB shell: the same text, with variables in place of parameters. Run
    in a fresh shell it labels the bars as one chunk, into part.parquet. It does not check them.
    A STEP (such as touches, 06_touches or checks/bad_bars) is printed alone, with its variables.

    \b
    duck-label show-sql bars.parquet > label.sql
    duck-label show-sql touches bars.parquet --details
    """
    from duck_label.bars.source import open_source
    from duck_label.database import Database
    from duck_label.look.script import STEPS, script, step_named
    from duck_label.memory.budget import MemoryBudget
    from duck_label.storage.scratch import scratch

    step = None if Path(settled(inputs[0])).exists() else step_named(inputs[0])
    if step is not None:
        inputs = inputs[1:]
    if not inputs:
        raise ConfigError(f"{step}: name the bars too, as in: duck-label show-sql {step} bars/")
    config = settings_of(values).config
    budget = MemoryBudget.resolve(config.memory.limit)
    with scratch(config.run.temp_dir) as spill, Database(budget, 1, spill) as database:
        source = open_source(database, inputs, config)
    click.echo(script(source, config, STEPS if step is None else (step,)), nl=False)
