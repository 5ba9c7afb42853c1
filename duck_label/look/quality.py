"""Whether labels are fit to train on: checks that pass, warn or fail, each with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from duck_label.errors import QualityError
from duck_label.records.chunk import ChunkRecord, parts_lost
from duck_label.records.unfinished import Unfinished

Status = Literal["pass", "warn", "fail"]
_ORDER: tuple[Status, ...] = ("pass", "warn", "fail")

# Outside of this, a model sees too few examples of one kind, or the barriers are no contest.
_WIN_RATE = (0.05, 0.5)
# Rolls are a few bars in a quarter. Where they take more, the gap is set below ordinary moves.
_MOST_LOST_TO_ROLLS = 0.05
# Where a bar is as wide as the barriers, the order of its prices decides, which no bar tells.
_MOST_IN_THE_ENTRY_BAR = 0.5
_MOST_BOTH = 0.05


@dataclass(frozen=True)
class Check:
    """One check: of one mode, or of all where `mode` is None."""

    name: str
    mode: str | None
    status: Status
    value: float
    unit: Literal["bars", "share"]
    message: str


@dataclass(frozen=True)
class Evidence:
    """What was counted of one mode, in bars."""

    mode: str
    bars: int
    bars_asked: int
    bars_tallied: int
    # By label: "1", "0", "-1" and "null".
    labels: Mapping[str, int]
    labels_tallied: Mapping[str, int]
    is_binary: bool
    nulls: int
    nulls_expected: int
    bad_labels: int
    bad_weights: int
    lost_to_rolls: int
    # Trades that touch a barrier, and of them those that bars hardly tell apart: those that one
    # bar decides which touches both, and, where details are written, those decided at once.
    touched: int = 0
    tied: int = 0
    in_the_entry_bar: int | None = None

    @property
    def labeled(self) -> int:
        """The bars with a label."""
        return sum(self.labels.values()) - self.labels["null"]


def worst(checks: Iterable[Check]) -> Status:
    """The worst status of some checks."""
    return _ORDER[max((_ORDER.index(check.status) for check in checks), default=0)]


def complaint(checks: Sequence[Check], at_least: Status) -> QualityError | None:
    """The error for checks with a status that is this bad or worse, if there are any."""
    found = [check for check in checks if _ORDER.index(check.status) >= _ORDER.index(at_least)]
    if not found:
        return None
    named = "; ".join(
        f"{check.name}{f' of {check.mode}' if check.mode else ''}: {check.message}"
        for check in found
    )
    return QualityError(f"{len(found)} of {len(checks)} checks did not pass: {named}")


def judge(
    modes: Sequence[Evidence],
    untallied_files: int,
    quarantined: int,
    otherwise_weighed: tuple[int, str] | None = None,
    lost: Sequence[ChunkRecord] = (),
    unfinished: Unfinished | None = None,
) -> Iterator[Check]:
    """Check the labels of all modes, and whether the part files are all there and of one kind.

    See `weights_differ` for what is `otherwise_weighed`, and `Ledger` for what is `lost`, and which
    run is `unfinished`.
    """
    is_binary = all(mode.is_binary for mode in modes)
    yield _none(
        "labels",
        {mode.mode: mode.bad_labels + mode.is_binary * mode.labels["-1"] for mode in modes},
        "every label is 0 or 1" if is_binary else "every label is -1, 0 or 1",
        "labels are neither 0 nor 1" if is_binary else "labels are none of -1, 0 and 1",
    )
    yield _none(
        "weights",
        {mode.mode: mode.bad_weights for mode in modes},
        "every weight is positive and finite",
        "weights are not positive and finite",
    )
    yield _none(
        "nulls",
        {mode.mode: abs(mode.nulls - mode.nulls_expected) for mode in modes},
        "no label or weight is null that was not to be",
        "labels or weights are null that were not to be, or the other way round",
    )
    yield _tallies(modes, untallied_files)
    for mode in modes:
        yield _win_rate(mode) if mode.is_binary else _classes(mode)
    for mode in modes:
        if mode.touched:
            yield from _ambiguous(mode)
    yield _rolls(modes)
    yield _parts(lost)
    yield Check(
        "finished",
        None,
        "warn" if unfinished else "pass",
        unfinished.missing if unfinished else 0,
        "bars",
        str(unfinished) if unfinished else "the last run came to its end",
    )
    bars, line = otherwise_weighed or (0, "the weights of all part files are made alike")
    yield Check("weighing", None, "warn" if bars else "pass", bars, "bars", line)
    yield Check(
        "quarantine",
        None,
        "warn" if quarantined else "pass",
        quarantined,
        "bars",
        f"{quarantined:,} bad bars were set aside" if quarantined else "no bad bar was set aside",
    )


def _parts(lost: Sequence[ChunkRecord]) -> Check:
    """Whether a finished chunk is left out of all other numbers."""
    line = parts_lost(lost)
    return Check(
        "parts",
        None,
        "fail" if lost else "pass",
        sum(record.rows for record in lost),
        "bars",
        f"{line} (left out of all other numbers)"
        if line
        else "no part file of a finished chunk is missing or of another size",
    )


def _tallies(modes: Sequence[Evidence], untallied_files: int) -> Check:
    """Whether the sums that part files carry are those of their labels."""
    differences = {
        mode.mode: max(
            *(abs(mode.labels[name] - count) for name, count in mode.labels_tallied.items()),
            abs(mode.bars - mode.bars_tallied),
        )
        for mode in modes
    }
    return _none(
        "tallies",
        {"part files": untallied_files} if untallied_files else differences,
        "outcomes summed up during the run agree with the labels",
        "bars or labels differ from the tallies, or part files have none",
    )


def _rolls(modes: Sequence[Evidence]) -> Check:
    """How much of the mode that lost most was lost to rolls."""
    bars = max((mode.bars_asked for mode in modes), default=0)
    lost = max((mode.lost_to_rolls for mode in modes), default=0) / bars if bars else 0.0
    is_much = lost > _MOST_LOST_TO_ROLLS
    return Check(
        "rolls",
        None,
        "warn" if is_much else "pass",
        lost,
        "share",
        f"{lost:.2%} of the bars of a mode were lost to rolls"
        + (": is roll_gap_points smaller than an ordinary move?" if is_much else " at most"),
    )


def _ambiguous(mode: Evidence) -> Iterator[Check]:
    """Whether the bars are short enough for the barriers."""
    for name, count, most, what in (
        ("entry_bar", mode.in_the_entry_bar, _MOST_IN_THE_ENTRY_BAR, "decided in the entry bar"),
        ("both", mode.tied, _MOST_BOTH, "decided by a bar that touches both, by the tie rule"),
    ):
        if count is None:
            continue
        value = count / mode.touched
        is_much = value > most
        yield Check(
            name,
            mode.mode,
            "warn" if is_much else "pass",
            value,
            "share",
            f"{value:.1%} of the trades that touch a barrier are {what}"
            + (": take wider barriers or shorter bars" if is_much else ""),
        )


def _none(name: str, counts: dict[str, int], good: str, bad: str) -> Check:
    """A check that a count is 0 in every mode."""
    value = sum(counts.values())
    if value == 0:
        return Check(name, None, "pass", 0, "bars", good)
    where = ", ".join(f"{mode} {count:,}" for mode, count in counts.items() if count)
    return Check(name, None, "fail", value, "bars", f"{value:,} {bad} ({where})")


def _nothing_to_learn(mode: Evidence) -> str:
    return (
        "there is only one kind of label: nothing can be learned from it"
        if mode.labeled
        else "no bar has a label: nothing can be learned"
    )


def _win_rate(mode: Evidence) -> Check:
    least, most = _WIN_RATE
    rate = mode.labels["1"] / mode.labeled if mode.labeled else 0.0
    if rate in (0, 1):
        message = _nothing_to_learn(mode)
        return Check("win_rate", mode.mode, "fail", rate, "share", message)
    if least <= rate <= most:
        message = f"{rate:.1%} of the labels are 1"
        return Check("win_rate", mode.mode, "pass", rate, "share", message)
    message = f"{rate:.1%} of the labels are 1, not within {least:.0%} and {most:.0%}"
    return Check("win_rate", mode.mode, "warn", rate, "share", message)


def _classes(mode: Evidence) -> Check:
    """Whether there is enough of more than one label."""
    shares = {
        name: mode.labels[name] / mode.labeled if mode.labeled else 0.0 for name in ("-1", "0", "1")
    }
    message = ", ".join(f"{share:.1%} are {name}" for name, share in shares.items())
    largest = max(shares.values())
    if mode.labeled == 0 or largest == 1:
        message = _nothing_to_learn(mode)
        return Check("classes", mode.mode, "fail", largest, "share", message)
    is_lopsided = largest > 1 - _WIN_RATE[0]
    if is_lopsided:
        message += f": one has more than {1 - _WIN_RATE[0]:.0%}"
    status: Status = "warn" if is_lopsided else "pass"
    return Check("classes", mode.mode, status, largest, "share", message)
