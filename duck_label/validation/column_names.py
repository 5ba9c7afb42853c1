"""What others call the columns of bars: a guess by name and type, for whoever has set no names."""

from __future__ import annotations

from collections.abc import Mapping

from duck_label.bars.schema import suits
from duck_label.config import LabelingConfig
from duck_label.config_keys import BAR_COLUMNS

# What vendors and libraries call our columns, in lower case.
_NAMES = {
    "timestamp": (
        "ts_event datetime date_time time ts timestamp_utc time_utc bar_time window_start "
        "open_time opentime start_time date t __index_level_0__"
    ),
    "open": "open_price px_open first o",
    "high": "high_price px_high max h",
    "low": "low_price px_low min l",
    "close": "close_price px_close px_last last c",
    "volume": "vol total_volume tick_volume trade_volume volume_traded qty quantity size v",
    "symbol": "ticker sym instrument raw_symbol instrument_id contract code pair product s",
}


def guess_columns(columns: Mapping[str, str], config: LabelingConfig) -> dict[str, str]:
    """Our columns that the files call otherwise, and their names there.

    `columns` are names with types: a column whose type suits comes before one that only has a
    likely name.
    """
    by_lower = {name.lower(): name for name in columns}
    guessed: dict[str, str] = {}
    for ours in BAR_COLUMNS:
        if ours in config.columns or ours in columns:
            continue
        likely = [by_lower[name] for name in (ours, *_NAMES[ours].split()) if name in by_lower]
        likely = [theirs for theirs in likely if theirs not in BAR_COLUMNS]
        likely.sort(key=lambda theirs: not suits(ours, columns[theirs]))
        if likely:
            guessed[ours] = likely[0]
    return guessed
