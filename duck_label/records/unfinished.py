"""What is said where the last run of an output did not finish, or is still going on.

Its parts are whole, but they are not all: nothing else about them tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from duck_label.records.lines import RunLine, lines


@dataclass(frozen=True)
class Unfinished:
    """A run that has not come to its end, by its number.

    `bars` are about how many there are to be with what earlier runs labeled, None where it did not
    come as far as to plan; `labeled` those that are by now. `is_going_on` is None where nobody can
    tell, as the run is one of another machine.
    """

    run: int
    bars: int | None = None
    labeled: int = 0
    is_going_on: bool | None = False

    @property
    def missing(self) -> int:
        """About how many bars are not labeled; 0 where it is not known."""
        return max(0, (self.bars or 0) - self.labeled)

    def __str__(self) -> str:
        """A line that tells of it."""
        what = f"{self.labeled:,} of about {self.bars:,} bars are labeled"
        if self.bars is None:
            what = f"{self.labeled:,} bars are labeled"
        if self.is_going_on:
            return f"a run is just writing here: {what} by now"
        unless = "unless it is just writing here, " * (self.is_going_on is None)
        return (
            f"the last run did not finish: {what}; {unless}the same run again goes on where it "
            "stopped"
        )


def last_unfinished(path: Path) -> Unfinished | None:
    """The last run that a record of runs has, if it did not come to its end.

    A run that ended otherwise says so; those of versions that did not are taken for whole. What
    only weighs parts anew neither begins nor finishes a run.
    """
    found: Unfinished | None = None
    for line in lines(path, RunLine):
        event, number = line["event"], line["run"]
        if event == "start" and not line.get("weighs", False):
            found = Unfinished(number)
        elif found is None or number != found.run:
            continue
        elif event == "planned":
            found = replace(found, bars=line["bars"])
        elif event == "complete" or (event == "end" and line.get("is_complete", True)):
            found = None
    return found
