-- Purpose:    the sessions of some hours, the same for every symbol
-- Grain:      one row per session
-- In:         nothing but parameters
-- Out:        temp table `session_times`: the pattern of its symbols; opens and closes, in clock units
-- Parameters: $opens, $closes
create or replace temp table session_times as
select
    '*' as pattern,
    unnest($opens)::bigint as opens,
    unnest($closes)::bigint as closes;
