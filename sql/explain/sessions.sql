-- Purpose:    the sessions of a file
-- Grain:      one row per session and pattern of symbols
-- In:         the file of sessions
-- Out:        pattern, and opens and closes in nanoseconds since 1970
-- Parameters: $sessions
select
    {{ "sessions.symbol::varchar" if has_pattern else "'*'" }} as pattern,
    epoch_ns(sessions.open) as opens,
    epoch_ns(sessions.close) as closes
from read_parquet($sessions) as sessions;
