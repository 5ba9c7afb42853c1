-- Purpose:    sessions of one symbol that overlap
-- Grain:      one row at most: a symbol, and when the two sessions open
-- In:         `session_times`; `grids`, which has every symbol
-- Out:        symbol, first, second
--
-- Symbols that match the same patterns have the same sessions: one of them stands for all.
with
patterns as (
    select distinct pattern
    from session_times
),

patterns_of_the_symbols as (
    select
        coalesce(grids.symbol::varchar, '') as symbol,
        list(patterns.pattern order by patterns.pattern) as pattern_list
    from grids
    inner join patterns on coalesce(grids.symbol::varchar, '') glob patterns.pattern
    group by all
),

families as (
    select
        min(symbol) as symbol,
        unnest(pattern_list) as pattern
    from patterns_of_the_symbols
    group by pattern_list
),

sessions_in_order as (
    select
        families.symbol,
        session_times.opens,
        lag(session_times.opens) over in_order as previous_opens,
        lag(session_times.closes) over in_order as previous_closes
    from families
    inner join session_times using (pattern)
    window in_order as (partition by families.symbol order by session_times.opens, session_times.closes)
)

select
    symbol,
    {{ utc("previous_opens") }} as first,
    {{ utc("opens") }} as second
from sessions_in_order
where opens < previous_closes
order by symbol, opens
limit 1;
