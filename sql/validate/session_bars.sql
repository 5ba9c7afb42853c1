-- Purpose:    the bars of a range of dates, counted by the session that they lie in
-- Grain:      one row per symbol and session that has a bar in the range, and one per symbol for bars in no session
-- In:         the input files; `session_times`
-- Out:        rows added to temp table `session_bars`: symbol, opens (null for bars in no session), first, last, bars
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open)
insert into session_bars
with
bars as (
    select
        {{ symbol_of("source") }}::varchar as symbol,
        {{ clock(time("source")) }} as clock
    from {{ source }} as source
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
),

symbols as (
    select distinct symbol
    from bars
),

sessions_of_the_symbols as (
    select
        symbols.symbol,
        session_times.opens,
        session_times.closes
    from symbols
    inner join session_times on symbols.symbol glob session_times.pattern
)

select
    bars.symbol,
    case when bars.clock < sessions.closes then sessions.opens end as opens,
    min(bars.clock) as first,
    max(bars.clock) as last,
    count(*) as bars
from bars
asof left join sessions_of_the_symbols as sessions
    on bars.symbol = sessions.symbol and bars.clock >= sessions.opens
group by all;
