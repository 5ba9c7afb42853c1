"""The SQL of a run as a script for the DuckDB shell: the same text, with variables for parameters.

The script labels all its bars as one chunk. A run of many chunks executes the same steps for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from duck_label.bars.asked import events_parameters
from duck_label.bars.plan import whole_days
from duck_label.bars.sessions import session_parameters, session_step
from duck_label.bars.source import Source
from duck_label.columns import literal
from duck_label.config import LabelingConfig
from duck_label.connection import PREPARATION
from duck_label.queries import LABEL_STEPS, label_steps, render
from duck_label.query_values import parameters

STEPS = ("input/grids", "input/spans", *LABEL_STEPS)
CHECKS = ("checks/bad_bars", "checks/duplicates", "checks/judged_bars")
# Comments, texts and quoted names, in which a dollar is a dollar; then a parameter, and whether it
# names what COPY writes to, which may be an expression only in brackets.
_TOKEN = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<target>(?<=\) to ))?\$(\w+)""")


def step_named(name: str) -> str | None:
    """The step that a name stands for: label/06_touches, 06_touches or touches; None if none."""
    for step in (*STEPS, *CHECKS):
        short = step.rpartition("/")[2]
        if name in (step, short, short.lstrip("0123456789_")):
            return step
    return None


def script(source: Source, config: LabelingConfig, steps: Sequence[str] = STEPS) -> str:
    """What a run executes over these bars: preparation and variables, then the steps, in order."""
    raw = source.context(config)
    names = source.admitted_context(config, has_quarantine=False)
    # Alone, a step is shown whether or not the configuration needs it.
    unneeded = {*LABEL_STEPS} - {*label_steps(names["trades"])} if len(steps) > 1 else set()
    texts = {
        step: render(step, raw if step in CHECKS else names)
        for step in steps
        if step not in unneeded
    }
    if config.session is not None and len(steps) > 1:
        sessions = session_step(config)
        texts = {"input/grids": texts["input/grids"], sessions: render(sessions, names), **texts}
    values = _values(source, config)
    computed = _computed(config, names)
    used = {name for text in texts.values() for name in parameters_of(text)}
    parts = [PREPARATION]
    parts.append(
        "".join(
            f"set variable {name} = {value_text(value)};\n"
            for name, value in values.items()
            if name in used
        )
    )
    for step, text in texts.items():
        parts += [
            f"set variable {name} = {query};\n"
            for name, (before, query) in computed.items()
            if name in used and (before == step or len(steps) == 1)
        ]
        parts.append(f"-- {step}\n{with_variables(text).strip().removesuffix(';')};\n")
    return "\n".join(parts)


def _values(source: Source, config: LabelingConfig) -> dict[str, Any]:
    groups = source.row_groups
    start, end = whole_days(groups)
    values = {
        "files": source.paths,
        "chunk_from": source.moment(start),
        "chunk_until": source.moment(end),
        "search_from": source.moment(min(group.first for group in groups)),
        "search_until": source.moment(max(group.last for group in groups) + 1),
        "part": "part.parquet",
        **parameters(config, source.bars),
        **events_parameters(config),
        **session_parameters(source, config),
    }
    month = config.reference_month()
    return values if month is None else {**values, "reference_month": month}


def _computed(config: LabelingConfig, names: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Variables that an earlier step answers, each with the step before which it is set."""
    computed = {
        "read_from": ("label/03_bars", "(select min(read_from) from series)"),
        "read_to": ("label/03_bars", "(select max(read_to) from series)"),
    }
    if config.reference_month() is None:
        latest = names["month_of"](names["clock"]("max(last_time)"))
        computed["reference_month"] = ("label/02_series", f"(select {latest} from spans)")
    return computed


def parameters_of(text: str) -> set[str]:
    """The names of the parameters in a query."""
    return {match[2] for match in _TOKEN.finditer(text) if match[2]}


def with_variables(text: str) -> str:
    """A query with every `$name` written as the variable of that name."""
    return _TOKEN.sub(_variable, text)


def _variable(match: re.Match[str]) -> str:
    if match[2] is None:
        return match[0]
    variable = f"getvariable('{match[2]}')"
    return variable if match["target"] is None else f"({variable})"


def value_text(value: Any) -> str:
    """A parameter's value as SQL that means the same to the bit.

    Raises:
        TypeError: for a value that no query has as a parameter.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return f"'{value!r}'::double"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        kind = "timestamp" if value.tzinfo is None else "timestamptz"
        return f"{kind} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value}'"
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, dict):
        fields = (f"{literal(name)}: {value_text(field)}" for name, field in value.items())
        return f"{{{', '.join(fields)}}}"
    raise TypeError(f"{value!r} has no text in SQL")
