#!/usr/bin/env bash
# pandas_market_calendars 5.5.0 has Hong Kong's exchange twice, as HKEX (its own) and as XHKG (of exchange_calendars
# 4.13.2), and its own Korea, XKRX, by the other library too. Seen in the schedules of one year:
# - on Christmas Eve of 2024, a half day, XHKG closes at noon and HKEX at the usual hour;
# - XKRX has a lunch break on every day, which that exchange gave up in 2000.
# Which calendar is right for some bars is known only by looking at the bars.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas_market_calendars==5.5.0 exchange_calendars==4.13.2 pandas==3.1.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas_market_calendars as calendars

closes = {}
for name in ("HKEX", "XHKG"):
    day = calendars.get_calendar(name).schedule("2024-12-24", "2024-12-24").iloc[0]
    closes[name] = day["market_close"].tz_convert("Asia/Hong_Kong").strftime("%H:%M")
days = calendars.get_calendar("XKRX").schedule("2024-01-01", "2024-12-31")
breaks = int(days["break_start"].notna().sum()) if "break_start" in days else 0
print("pandas_market_calendars", calendars.__version__, closes, f"XKRX: {breaks} breaks, {len(days)} days")
assert closes == {"HKEX": "16:00", "XHKG": "12:00"}, "it has changed"
assert breaks == len(days) > 0, "it has changed"
PYTHON
