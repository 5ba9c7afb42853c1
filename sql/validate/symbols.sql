-- Purpose:    what was found of every symbol
-- Grain:      one row per symbol
-- In:         `spacings`, `moves`, `spans_of_time`, `trading_days`
-- Out:        symbol, first and last in microseconds since 1970, bars, sessions, sunday_bars (of those sessions),
--             interval (clock units from bar to bar), bars_due (how many there would be without holes, outside
--             pauses), bars_there, pauses, longest_pause (clock units), odd_spacings (no multiple of the interval),
--             height (typical, of spans of time), moves (the largest between closes, each with the clock units it
--             spans)
-- Parameters: $clocks_per_second; $pause in clock units
--
-- The interval is the smallest spacing that one bar in a hundred has.
with
days as (
    select
        symbol,
        session,
        min(first) as first,
        max(last) as last,
        sum(bars) as bars
    from trading_days
    group by all
),

totals as (
    select
        symbol,
        min(first) // ($clocks_per_second::bigint // 1_000_000) as first,
        max(last) // ($clocks_per_second::bigint // 1_000_000) as last,
        sum(bars) as bars,
        count(*) as sessions,
        coalesce(sum(bars) filter (where dayofweek(session) = 0), 0) as sunday_bars
    from days
    group by symbol
),

steps as (
    select
        symbol,
        spacing,
        sum(bars) as bars,
        sum(sum(bars)) over (partition by symbol) as all_bars
    from spacings
    where spacing > 0
    group by symbol, spacing
),

intervals as (
    select
        symbol,
        min(spacing) filter (where 100 * bars >= all_bars) as common,
        arg_max(spacing, bars) as most_common,
        coalesce(common, most_common) as interval
    from steps
    group by symbol
),

holes as (
    select
        steps.symbol,
        sum(steps.bars * (steps.spacing / intervals.interval))
        filter (where steps.spacing <= $pause) as bars_due,
        sum(steps.bars) filter (where steps.spacing <= $pause) as bars_there,
        sum(steps.bars) filter (where steps.spacing > $pause) as pauses,
        max(steps.spacing) as longest_pause,
        sum(steps.bars) filter (where steps.spacing % intervals.interval <> 0) as odd_spacings
    from steps
    inner join intervals using (symbol)
    group by steps.symbol
),

heights as (
    select
        symbol,
        median(height) as height
    from spans_of_time
    where isfinite(height)
    group by symbol
),

largest_moves as (
    select
        symbol,
        max_by(struct_pack(move := move, spacing := spacing, clock := clock), move, 50) as moves
    from moves
    group by symbol
)

select
    totals.symbol,
    totals.first,
    totals.last,
    totals.bars,
    totals.sessions,
    totals.sunday_bars,
    intervals.interval,
    holes.bars_due,
    holes.bars_there,
    holes.pauses,
    holes.longest_pause,
    holes.odd_spacings,
    heights.height,
    largest_moves.moves
from totals
left join intervals using (symbol)
left join holes using (symbol)
left join heights using (symbol)
left join largest_moves using (symbol)
order by totals.bars desc, totals.symbol asc
