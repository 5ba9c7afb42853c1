-- Purpose:    the bars of one chunk and its margins, numbered, on the price grid, each with its entry and horizon
-- Grain:      one row per bar
-- In:         the input files; `series`
-- Out:        temp table `bars`; temp table `rolls`, one row per roll-affected bar, which may be the one that jumps;
--             temp table `rolled_paths`, one row per bar that is roll-affected or has such a bar on its path, and the
--             first such bar
-- Parameters: $files; $chunk_from, $chunk_until (the bars to label); $read_from, $read_to (they and all margins,
--             both included); $timeout in clock units or $timeout_bars
--
-- Prices are whole numbers of price increments, times are whole clock units (micro- or nanoseconds since 1970),
-- so that every comparison from here on is exact. `horizon` is the first clock that is no longer on the path.
create or replace temp table bars as
with
bars_on_the_grid as (
    select
        series.series,
        {{ clock(time("source")) }} as clock,
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }} as is_wanted,
        {%- for price in ("open", "high", "low", "close") %}
        round({{ level_of(price, "source", "series") }})::bigint as {{ price }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ source }} as source
    inner join series on {{ symbol_of("source") }} = series.symbol
    where
        {{ time("source") }} >= {{ moment("read_from") }}
        and {{ time("source") }} <= {{ moment("read_to") }}{{- within("source", "read_from", "read_to") }}
        and {{ time("source") }} >= series.read_from
        and {{ time("source") }} <= series.read_to
),

bars_with_their_neighbours as (
    select
        series,
        clock,
        is_wanted,
        high,
        low,
        (row_number() over in_order)::integer as bar,
        lag(high) over in_order as previous_high,
        lag(low) over in_order as previous_low,
        abs(close - lag(close) over in_order) as gap,
        lead(open) over in_order as entry,
        lead(clock) over in_order as entry_clock,
        lead(high) over in_order as entry_high,
        lead(low) over in_order as entry_low
        {%- if horizon_in_bars %},
        lead(clock, $timeout_bars::bigint) over in_order as last_path_clock
        {%- endif %}
    from bars_on_the_grid
    window in_order as (partition by series order by clock)
)

select
    bars.* exclude (gap {{- ", last_path_clock" if horizon_in_bars }}),
    bars.gap > series.roll_gap as jumps,
    {%- if horizon_in_bars %}
    coalesce(bars.last_path_clock + 1, 9223372036854775807) as horizon,
    bars.last_path_clock is null as is_cut_short
    {%- else %}
    bars.entry_clock + $timeout as horizon,
    series.last_clock < bars.entry_clock + $timeout as is_cut_short
    {%- endif %}
from bars_with_their_neighbours as bars
inner join series using (series);

-- A jump at a bar affects the bar before it and the five bars after it.
create or replace temp table rolls as
with
affected_bars as (
    select distinct
        series,
        unnest(range(bar - 1, bar + 6))::integer as bar
    from bars
    where jumps
)

select
    bars.series,
    bars.bar,
    bars.clock,
    bars.is_wanted,
    bars.jumps
from bars
inner join affected_bars using (series, bar);

-- Few paths meet a roll. Most are told so block by block: the next roll lies past the horizon of all its bars.
create or replace temp table rolled_paths as
with
blocks as (
    select
        series,
        {{ block("bar") }} as block,
        min(bar) as bar,
        greatest(max(horizon), max(clock) + 1) as horizon
    from bars
    group by all
),

blocks_near_a_roll as (
    select
        blocks.series,
        blocks.block
    from blocks
    asof inner join rolls on blocks.series = rolls.series and blocks.bar <= rolls.bar
    where rolls.clock < blocks.horizon
),

bars_near_a_roll as (
    select bars.*
    from bars
    inner join blocks_near_a_roll as blocks on bars.series = blocks.series and {{ block("bars.bar") }} = blocks.block
)

select
    bars.series,
    bars.bar,
    rolls.bar as roll_bar,
    rolls.clock as roll_clock
from bars_near_a_roll as bars
asof inner join rolls on bars.series = rolls.series and bars.bar <= rolls.bar
where rolls.clock < bars.horizon or rolls.bar = bars.bar;
