"""The prompt of `duck-label sql`: history, completion, colours; a query ends in `;`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from duck_label.cli.console import say
from duck_label.cli.writing import answer
from duck_label.errors import DuckLabelError
from duck_label.look.inspect import Output
from duck_label.look.saved_queries import saved_queries

_WORD = re.compile(r"[@\w]+")
_WELCOME = """\
{folder}: labels, labels_long, runs, chunks, snapshots, memory_events
A query ends in ;. @win_rates is a saved one, .queries lists them, Ctrl-D ends."""


def talk(output: Output, kind: str, most_rows: int, /, **streams: Any) -> None:
    """Read queries, run them and show their results until the input ends.

    A query that fails, or is interrupted, ends nothing. `streams` go to prompt_toolkit.
    """
    session: PromptSession[str] = PromptSession(
        history=_history(),
        completer=Words(output),
        lexer=PygmentsLexer(SqlLexer),
        multiline=Condition(lambda: not _is_whole(session.default_buffer.text)),
        complete_while_typing=False,
        **streams,
    )
    say(_WELCOME.format(folder=output.folder))
    while True:
        try:
            text = session.prompt("labels> ", prompt_continuation="   ...> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in (".exit", ".quit", "exit", "quit"):
            return
        if text:
            _answer(output, text, kind, most_rows)


def _answer(output: Output, text: str, kind: str, most_rows: int) -> None:
    try:
        if text == ".queries":
            for saved in saved_queries().values():
                click.echo(f"@{saved.name:<20} {saved.purpose}")
            return
        if text.startswith("."):
            say(f"error: there is no {text}: .queries lists the saved queries, .exit ends")
            return
        query = text.rstrip(";") if text.startswith("@") else text
        output.interruptible(lambda: answer(output, query, {}, kind, None, most_rows))
    except DuckLabelError as error:
        say(f"error: {error}")
    except KeyboardInterrupt:
        say("interrupted")


def _is_whole(text: str) -> bool:
    text = text.strip()
    return not text or text.startswith((".", "@")) or text.endswith(";") or text in ("exit", "quit")


def _history() -> History:
    """What was typed before, kept in the user's folder of this program, if it can be written."""
    path = Path(click.get_app_dir("duck-label")) / "sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


class Words(Completer):
    """Completes keywords, functions, views, columns, and the names of saved queries."""

    def __init__(self, output: Output) -> None:
        self._words = sorted({*output.words(), *(f"@{name}" for name in saved_queries())})

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        """The words that begin as the one before the cursor does."""
        typed = document.get_word_before_cursor(pattern=_WORD)
        for word in self._words if typed else ():
            if word.lower().startswith(typed.lower()):
                yield Completion(word, start_position=-len(typed))
