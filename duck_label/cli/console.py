"""Owns stderr and the exit codes: what goes wrong becomes a message, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from duck_label.errors import DuckLabelError, InterruptedRunError

# What a shell says of a program that SIGPIPE (13) has ended. The signal does not end this one, as
# it also tells of a worker or a store that is gone.
_READER_GONE = 128 + 13
_INTERRUPTED = "interrupted: nothing is half-written; the same command goes on, or begins again"

# What asks a process to end; Windows has no terminal that hangs up.
_ENDINGS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def say(message: str) -> None:
    """Write a line to stderr, as it is."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def exit_codes(wants_traceback: Callable[[], bool]) -> Iterator[None]:
    """Turn what goes wrong inside into a message and the exit code of its kind.

    A request to terminate, or a terminal that is closed, ends the work as Ctrl-C does; a run that
    `nohup` started goes on without its terminal.
    """
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in _ENDINGS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except DuckLabelError as error:
        _fail(f"error: {error}", error.exit_code, wants_traceback())
    except KeyboardInterrupt:
        _fail(_INTERRUPTED, InterruptedRunError.exit_code, wants_traceback())
    except BrokenPipeError:
        # Whoever read our output has seen enough: nobody is told, and what could not be written is
        # not tried again as Python ends.
        with suppress(OSError):  # no file of the system: somebody in this process reads
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(_READER_GONE) from None
    except OSError as error:
        # A disk or a system that refuses, where nobody could say more.
        named = "" if error.filename is None else f"{error.filename}: "
        _fail(f"error: {named}{error.strerror or error}", 1, wants_traceback())
    except Exception as error:
        if _is_interrupted(error):
            _fail(_INTERRUPTED, InterruptedRunError.exit_code, wants_traceback())
        reason = f"{type(error).__name__}: {error}"
        _fail(f"error: {reason} (a bug in duck-label; --debug shows where)", 1, wants_traceback())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: who is loading a library may wrap it in one of its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _fail(message: str, exit_code: int, wants_traceback: bool) -> None:
    if wants_traceback:
        traceback.print_exc()
    say(message)
    raise SystemExit(exit_code)
