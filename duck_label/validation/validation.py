"""What an input is like before it is labeled: wrong, odd, and the configuration that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from duck_label.bars import checks
from duck_label.bars.agreement import common_columns
from duck_label.bars.gathered import gathered, is_scattered
from duck_label.bars.keys import folder_keys
from duck_label.bars.mixture import mixture
from duck_label.bars.plan import MOST_ROWS
from duck_label.bars.price_levels import LevelsApart, levels_apart
from duck_label.bars.selection import idle_instruments, look_alikes
from duck_label.bars.source import Source, open_source
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS
from duck_label.database import Database
from duck_label.database_errors import explain
from duck_label.errors import ConfigError, InputError, OutputError
from duck_label.memory.budget import MemoryBudget, default_threads
from duck_label.settings import Settings, nested, settings_of
from duck_label.storage.places import Found, find_files
from duck_label.storage.scratch import scratch
from duck_label.validation import suggestion as guess
from duck_label.validation.column_names import guess_columns
from duck_label.validation.comments import put_into, sets_nothing
from duck_label.validation.session_fit import session_oddities
from duck_label.validation.suggestion import Suggestion
from duck_label.validation.survey import SymbolReport, survey
from duck_label.validation.trial import Trial
from duck_label.validation.units import guess_units


@dataclass(frozen=True)
class BrokenRule:
    """Bars of a file that break a rule under the suggested configuration, the first few shown."""

    file: str
    rule: str
    meaning: str
    bars: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """What `duck-label validate` tells."""

    files: int
    size_bytes: int
    rows: int
    row_groups: int
    largest_row_group_rows: int
    overlapping_files: int
    columns: Mapping[str, str]
    symbols: tuple[SymbolReport, ...]
    bad_bars: int
    broken_rules: tuple[BrokenRule, ...]
    oddities: tuple[str, ...]
    refusals: tuple[str, ...]
    suggestion: Suggestion
    suggested_refusals: tuple[str, ...]
    # Those of them that are of the bars, under whatever configuration was tried.
    objections: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; keys carry units."""
        return asdict(self) | {
            "symbols": [symbol.to_json() for symbol in self.symbols],
            "suggestion": nested(
                {key: _plain(value) for key, value in self.suggestion.values.items()}
            ),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def validate_bars(
    inputs: str | Path | Sequence[str | Path], config: LabelingConfig | None = None
) -> Validation:
    """Examine bars before a run: `duck_label.validate`.

    What the configuration sets is kept in the suggestion; without one everything is guessed.

    Raises:
        InputError: if there is nothing to examine: no file, or none that can be read as bars.
        TypeError: for bars that are no files.
    """
    paths = [inputs] if isinstance(inputs, str | Path) else inputs
    if hasattr(paths, "columns"):
        raise TypeError(
            f"validate takes files, not a {type(inputs).__name__}: write it as Parquet first"
        )
    settings = Settings(LabelingConfig(), {}) if config is None else settings_of(config)
    return validate(paths, settings)


def validate(inputs: Sequence[str | Path], settings: Settings) -> Validation:
    """Examine an input, under the configuration in force and under the one it suggests.

    `refusals` say why a run with the configuration in force would not label it,
    `suggested_refusals` why one with the suggested configuration would not.

    Raises:
        InputError: if there is nothing to examine: no file, or none that can be read as bars.
    """
    config = settings.config
    found = find_files([str(item) for item in inputs])
    with (
        scratch(config.run.temp_dir) as spill,
        Database(
            MemoryBudget.resolve(config.memory.limit),
            config.run.threads or default_threads(),
            spill,
            config.run.max_temp_size,
        ) as database,
    ):
        try:
            return _Examination(database, found, settings).result()
        except duckdb.Error as error:
            raise explain(error, "examining the input", database) from error


class _Examination:
    """The examination of one input, step after step, each leaving what the next one needs."""

    def __init__(self, database: Database, found: Found, settings: Settings) -> None:
        self._database = database
        self._config = settings.config
        self._suggestion = guess.given(settings)
        self._oddities: list[str] = [*found.notes, *settings.config.doubts]
        self._refusals: list[str] = []
        readable = self._readable(found.paths)
        columns = dict(common_columns(database, readable).columns)
        columns |= {key: "VARCHAR" for path in readable for key in folder_keys(path)} | columns
        for ours, theirs in guess_columns(columns, self._config).items():
            self._suggestion.add(f"columns.{ours}", theirs, "called so in the files")
        units = guess_units(database, readable, columns, self._suggestion.config())
        for key, value, reason in units:
            self._suggestion.add(key, value, reason)
        self._given = open_source(database, readable, self._suggestion.config())
        self._oddities += self._given.others.notes(self._config.symbols)
        self._source = self._given
        if is_scattered(self._given):
            context = self._given.context(self._suggestion.config())
            folder = database.temp_dir / "gathered"
            self._source = gathered(database, self._given, context, folder)
        is_nameless = self._given.bars.symbol is None and len(self._given.files) > 1
        self._trial = Trial(database, self._source, is_nameless=is_nameless)
        config = self._suggestion.config()
        self._reports = survey(database, self._source, config)
        apart = levels_apart(database, self._given, config)
        if apart is not None:
            self._oddities.append(str(apart))
        self._of_one_unit = self._without_mixtures(apart)

    def result(self) -> Validation:
        """Everything, once measured."""
        guess.suggest(self._of_one_unit, self._config, self._suggestion)
        self._find_oddities()
        source, groups = self._given, self._given.row_groups
        bad, objections = self._trial.settle(self._suggestion)
        broken = self._broken(bad)
        suggested_refusals = list(self._refusals)
        objections = [f"{_summary(broken)}: {why}" for why in objections]
        suggested_refusals += objections
        return Validation(
            files=len(source.files),
            size_bytes=source.size,
            rows=source.rows,
            row_groups=len(groups),
            largest_row_group_rows=max(group.rows for group in groups),
            overlapping_files=_overlapping(source),
            columns={
                ours: self._suggestion.config().column(ours)
                for ours in BAR_COLUMNS
                if self._suggestion.config().column(ours) in dict(source.columns)
            },
            symbols=self._reports,
            bad_bars=bad.bars,
            broken_rules=tuple(broken),
            oddities=tuple(self._oddities),
            refusals=tuple(self._refusals + self._refusals_in_force()),
            suggestion=self._suggestion,
            suggested_refusals=tuple(suggested_refusals),
            objections=tuple(objections),
        )

    def _readable(self, paths: Sequence[str]) -> list[str]:
        """The files that are Parquet files and agree with each other; why the others are not."""
        try:
            common_columns(self._database, list(paths))
        except InputError:
            readable: list[str] = []
            for path in paths:
                try:
                    common_columns(self._database, [*readable[:1], path])
                except InputError as error:
                    self._refusals.append(str(error))
                else:
                    readable.append(path)
            if not readable:
                raise
            return readable
        return list(paths)

    def _without_mixtures(self, apart: LevelsApart | None) -> list[SymbolReport]:
        """What the symbols are like, but for how far those move whose files are in two units.

        A stop between the moves of dollars and those of cents suits neither.
        """
        mixed = [] if apart is None else [r for r in self._reports if r.symbol in apart.symbols]
        if not mixed:
            return [*self._reports]
        names = [report.symbol or "these bars" for report in mixed]
        shown = ", ".join(names[:3]) + ", …" * (len(names) > 3)
        self._suggestion.remarks.append(
            f"No modes and no roll_gap_points are guessed from {shown}: some files are in another "
            "unit, or split."
        )
        return [
            replace(report, typical_height=None, largest_moves=()) if report in mixed else report
            for report in self._reports
        ]

    def _find_oddities(self) -> None:
        note, source, config = self._oddities.append, self._given, self._suggestion.config()
        for detail in source.details:
            note(detail)
        symbols = [one.symbol for one in self._reports]
        self._oddities += [*idle_instruments(self._config, symbols), *look_alikes(symbols)]
        overlapping = _overlapping(source)
        mixed = mixture(self._database, source, self._config, source.context(config))
        if mixed is not None:
            (self._refusals.append if mixed.alternates else note)(str(mixed))
        elif overlapping:
            note(f"{overlapping:,} of {len(source.files):,} files overlap another in time")
        largest = max(group.rows for group in source.row_groups)
        if largest > MOST_ROWS:
            note(f"a row group has {largest:,} rows: smaller ones are read faster by range")
        try:
            self._oddities += session_oddities(self._database, self._source, config)
        except InputError as error:
            self._refusals.append(str(error))
        for report in self._reports:
            self._oddities += _oddities_of(report)
        self._oddities += self._differences(config)

    def _differences(self, config: LabelingConfig) -> Iterator[str]:
        """Where symbols differ so much that one configuration hardly suits them, a line each."""
        intervals = {report.interval_seconds for report in self._reports} - {None}
        if len(intervals) > 1:
            shown = ", ".join(f"{seconds:g}" for seconds in sorted(filter(None, intervals)))
            yield f"bars lie {shown} seconds apart, depending on the symbol"
        ticks = {
            r.symbol: t
            for r in self._of_one_unit
            if not (r.grid and r.grid.is_still)
            and (t := guess.ticks_under(r, self._config, config)) is not None
        }
        if ticks and max(ticks.values()) > 4 * min(ticks.values()):
            most, least = max(ticks, key=ticks.__getitem__), min(ticks, key=ticks.__getitem__)
            yield (
                f"{most} moves {ticks[most]:,.0f} ticks where {least} moves {ticks[least]:,.0f}: "
                "no stop and target suit both; label them apart (--symbol)"
            )

    def _broken(self, bad: checks.BadBars, *, shown: bool = True) -> list[BrokenRule]:
        """What was tried last broke these rules."""
        broken = []
        for (file, rule), bars in bad.counts.items():
            lines: Iterable[str] = ()
            if shown:
                context = self._trial.context
                lines = checks.examples(self._database, self._source, context, file, rule)
            examples = tuple(line.strip() for line in lines)
            broken.append(BrokenRule(file, rule, checks.RULES[rule], bars, examples))
        return broken

    def _refusals_in_force(self) -> list[str]:
        """Why a run with the configuration in force would not label what can be read."""
        config = self._config
        paths = [file.path for file in self._given.files]
        try:
            open_source(self._database, paths, config)
        except (InputError, ConfigError) as error:
            return [str(error)]
        bad = self._trial.bad_bars(config)
        if not bad or (config.on_bad_rows != "fail" and self._trial.excess(config, bad) is None):
            return []
        return [_summary(self._broken(bad, shown=False))]


def _oddities_of(report: SymbolReport) -> Iterator[str]:
    """What is odd in the bars of one symbol, a line each."""
    name = report.symbol or "the bars"
    if report.grid is None:
        yield (
            f"{name}: the prices lie on no grid: are they 32-bit floats, adjusted by a "
            "factor, or of several instruments?"
        )
    elif report.grid.is_still:
        yield f"{name}: all prices are the same: they tell no tick"
    if report.odd_spacings:
        yield (
            f"{name}: {report.odd_spacings:,} bars lie no whole number of "
            f"{report.interval_seconds:g} seconds after the one before"
        )
    if (report.longest_pause_seconds or 0) > 7 * 86_400:
        days = (report.longest_pause_seconds or 0) / 86_400
        yield f"{name}: the longest hole lasts {days:.1f} days"


def _summary(broken: Sequence[BrokenRule]) -> str:
    shown = "; ".join(f"{rule.file}: {rule.bars:,} x {rule.rule}" for rule in broken[:3])
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    return f"bad bars: {shown}{more}"


def _overlapping(source: Source) -> int:
    """How many files begin before an earlier one ends."""
    spans = sorted(
        (min(g.first for g in file.row_groups), max(g.last for g in file.row_groups))
        for file in source.files
        if file.row_groups
    )
    count, reached = 0, None
    for first, last in spans:
        count += reached is not None and first <= reached
        reached = last if reached is None else max(reached, last)
    return count


def write_config(validation: Validation, path: Path) -> None:
    """Write the suggested configuration as a file for `duck-label run --config`.

    The comments of a file that sets nothing stay; any other is replaced.

    Raises:
        InputError: if a run would refuse the bars under any that was tried.
        OutputError: if it cannot be written.
    """
    if validation.objections:
        raise InputError(
            f"no configuration was written, as a run would refuse these bars under any that was "
            f"tried: {'; '.join(validation.objections)}"
        )
    text = validation.suggestion.to_toml()
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and sets_nothing(before):
            text = put_into(before, text)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def refuse(refusals: Sequence[str]) -> None:
    """Make refusals an error.

    Raises:
        InputError: if there are any.
    """
    if refusals:
        raise InputError(f"a run would refuse this input: {'; '.join(refusals)}")
