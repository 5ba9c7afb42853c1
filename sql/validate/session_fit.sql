-- Purpose:    how sessions and bars fit each other
-- Grain:      one row
-- In:         `session_bars`, `session_times`
-- Out:        bars, those outside (in no session), sessions (of a symbol, among its bars), those that are empty and
--             those that end early; and the first three of these two, each with symbol, opens, closes, and its last
--             bar in clock units
-- Parameters: $pause, in clock units: a session ends early where its last bar lies longer before its close, and the
--             symbol has bars after it
with
symbols as (
    select
        symbol,
        min(first) as first,
        max(last) as last
    from session_bars
    group by symbol
),

bars_of_the_sessions as (
    select
        symbol,
        opens,
        max(last) as last
    from session_bars
    where opens is not null
    group by symbol, opens
),

sessions as (
    select
        session_times.opens,
        {
            "symbol": symbols.symbol,
            "opens": session_times.opens,
            "closes": session_times.closes,
            "last": bars.last
        } as session,
        bars.last is null as is_empty,
        coalesce(bars.last < session_times.closes - $pause::bigint and bars.last < symbols.last, false) as ends_early
    from symbols
    inner join session_times on symbols.symbol glob session_times.pattern
    left join bars_of_the_sessions as bars
        on symbols.symbol = bars.symbol and session_times.opens = bars.opens
    where
        session_times.closes > symbols.first
        and session_times.opens <= symbols.last
),

fit as (
    select
        count(*) as sessions,
        count_if(is_empty) as empty,
        count_if(ends_early) as early,
        arg_min(session, opens, 3) filter (where is_empty) as first_empty,
        arg_min(session, opens, 3) filter (where ends_early) as first_early
    from sessions
),

counts as (
    select
        sum(bars) as bars,
        coalesce(sum(bars) filter (where opens is null), 0) as outside
    from session_bars
)

select
    counts.*,
    fit.*
from counts
cross join fit;
