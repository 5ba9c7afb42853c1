"""Every error that a user can cause, each with the exit code of its kind.

A message names the file, column, row or option at fault and says what to do next.
"""

from typing import ClassVar


class DuckLabelError(Exception):
    """The base of all errors below: something failed that is not the program's own fault."""

    exit_code: ClassVar[int] = 1


class ConfigError(DuckLabelError):
    """The command line or the configuration asks for something that cannot be."""

    exit_code = 2


class OutputError(DuckLabelError):
    """The output folder cannot be used: it is held by another run, not ours, or not writable."""

    exit_code = 1


class SpillError(OutputError):
    """There is no room to spill to: a smaller chunk may do with what there is."""


class OutputConflictError(ConfigError):
    """The output folder holds the labels of another input or configuration."""


class InputError(DuckLabelError):
    """The input cannot be read as bars: a file, a column or a type is wrong, or there is no bar."""

    exit_code = 3


class QueryError(DuckLabelError):
    """A query over an output folder cannot be run."""

    exit_code = 2


class LabelMismatchError(DuckLabelError):
    """A stored label is not what the bars beside it give."""


class BadBarsError(InputError):
    """The input holds bars that break a rule of the contract."""


class MemoryBudgetError(DuckLabelError):
    """The work cannot be done inside the memory budget."""

    exit_code = 4


class QualityError(DuckLabelError):
    """The labels were found wanting by checks that were asked to fail (`stats --fail-on`)."""

    exit_code = 5


class DamagedOutputError(QualityError):
    """Part files are missing, or not as they were written (`check`)."""


class WorkerLostError(DuckLabelError):
    """A process that labels chunks died, or took too long, again and again over the same chunk."""

    exit_code = 6


class InterruptedRunError(DuckLabelError):
    """The user ended the run; what is finished stays and the next run goes on from there."""

    exit_code = 130
