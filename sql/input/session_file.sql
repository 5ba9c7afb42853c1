-- Purpose:    the sessions of a file
-- Grain:      one row per session and pattern of symbols
-- In:         the file of sessions
-- Out:        temp table `session_times`: the pattern of its symbols; opens and closes, in clock units
-- Parameters: $sessions
--
-- A time between two clock units is the later one: a bar is in a session, or past it, from there on.
create or replace temp table session_times as
select distinct
    {{ "sessions.symbol::varchar" if has_pattern else "'*'" }} as pattern,
    {{ clock_after("sessions.open") }} as opens,
    {{ clock_after("sessions.close") }} as closes
from read_parquet($sessions) as sessions;
