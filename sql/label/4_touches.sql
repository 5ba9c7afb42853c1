-- Purpose:    for every entry and every barrier distance, the first bar from the entry bar on that touches it
-- Grain:      `nearest_SIDE`: one row per entry price and block of bars; `late_SIDE`: one row per bar that its block
--             does not answer; `ladder_SIDE`: one row per entry price and first touch of the nearest barrier
-- In:         `bars`, `series`, `cells_SIDE`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `nearest_SIDE`, `late_SIDE` and `ladder_SIDE`; SIDE is up or down
-- Parameters: $SIDE_N_ticks, the distances of the barriers on that side in ticks, nearest first
--
-- Neighbours share entry prices, and with them their questions. The nearest barrier is asked for once per entry
-- price and block of {{ block_bars }} bars, from the first of them on. If a bar of the block enters no later than at the touch,
-- nothing before it touched, and the answer is its answer too. The few bars that enter after it ask again, one by
-- one: these are late.
--
-- A path reaches a farther barrier no earlier than a nearer one. So the farther ones are asked for only from the
-- first touch of the nearest one on, and the answer is the same for all bars that share entry price and touch.
-- That leaves few questions: each is a rung of `ladder_SIDE`.
--
-- A question starts at a bar whose reach is known. Where that reach is short of the level, the next crossing of
-- the level's cell reaches it, unless a peak inside the cell did so before. Such a peak lies before that crossing
-- and after the one before it: it is among those with the same `next_crossing`.
{%- macro first_touches(side, keys) %}
crossed as materialized (
    select
        asked.*,
        coalesce(crossings.bar, {{ never }}) as next_crossing,
        crossings.clock as crossing_clock,
        crossings.reach as crossing_reach
    from asked
    asof left join crossings_{{ side }} as crossings
        on
            asked.series = crossings.series
            and asked.cell = crossings.cell
            and asked.touch_bar < crossings.bar
    where asked.reach < asked.level
),

earlier_peaks as (
    select
        {%- for key in keys %}
        crossed.{{ key }},
        {%- endfor %}
        min(peaks.bar) as peak_bar,
        min(peaks.clock) as peak_clock,
        arg_min(peaks.reach, peaks.bar) as peak_reach
    from crossed
    inner join peaks_{{ side }} as peaks
        on
            crossed.series = peaks.series
            and crossed.cell = peaks.cell
            and crossed.next_crossing = peaks.next_crossing
            and crossed.touch_bar < peaks.bar
            and crossed.level <= peaks.reach
    group by all
),

first_touches as (
    select *
    from asked
    where reach >= level

    union all

    select
        crossed.* exclude (next_crossing, crossing_clock, crossing_reach)
        replace (
            coalesce(earlier_peaks.peak_bar, crossed.next_crossing) as touch_bar,
            coalesce(earlier_peaks.peak_clock, crossed.crossing_clock) as touch_clock,
            coalesce(earlier_peaks.peak_reach, crossed.crossing_reach) as reach
        )
    from crossed
    left join earlier_peaks using ({{ keys | join(", ") }})
    where crossed.next_crossing < {{ never }} or earlier_peaks.peak_bar is not null
)
{%- endmacro %}

{%- macro level(ticks) -%}
    ceil({{ ticks }} * series.increments_per_tick)::bigint
{%- endmacro %}


create or replace temp table questions as
select
    series,
    entry,
    {{ block("bar") }} as block,
    min(bar) as bar,
    min(entry_clock) as entry_clock,
    arg_min(entry_high, bar) as entry_high,
    arg_min(entry_low, bar) as entry_low,
    max(horizon) as horizon
from bars
where is_wanted and entry is not null
group by all;

{% for side, sign, extreme, barriers in [("up", "", "high", up), ("down", "-", "low", down)] %}
create or replace temp table nearest_{{ side }} as
with
asked as (
    select
        questions.series,
        questions.entry,
        questions.block,
        questions.horizon,
        {{ sign }}questions.entry + {{ level("$" ~ side ~ "_1_ticks") }} as level,
        {{ cell("level", "cells.width") }} as cell,
        questions.bar + 1 as touch_bar,
        questions.entry_clock as touch_clock,
        {{ sign }}questions.entry_{{ extreme }} as reach
    from questions
    inner join series using (series)
    inner join cells_{{ side }} as cells using (series)
),

{{ first_touches(side, ["series", "entry", "block"]) }}

select
    series,
    entry,
    block,
    touch_bar,
    touch_clock,
    reach
from first_touches
where touch_clock < horizon;

create or replace temp table late_{{ side }} as
with
asked as (
    select
        bars.series,
        bars.bar,
        bars.entry,
        bars.horizon,
        {{ sign }}bars.entry + {{ level("$" ~ side ~ "_1_ticks") }} as level,
        {{ cell("level", "cells.width") }} as cell,
        bars.bar + 1 as touch_bar,
        bars.entry_clock as touch_clock,
        {{ sign }}bars.entry_{{ extreme }} as reach
    from bars
    inner join nearest_{{ side }} as nearest
        on
            bars.series = nearest.series
            and bars.entry = nearest.entry
            and {{ block("bars.bar") }} = nearest.block
            and bars.bar >= nearest.touch_bar
    inner join series on bars.series = series.series
    inner join cells_{{ side }} as cells on bars.series = cells.series
    where bars.is_wanted
),

{{ first_touches(side, ["series", "bar"]) }}

select
    series,
    bar,
    entry,
    touch_bar,
    touch_clock,
    reach
from first_touches
where touch_clock < horizon;

create or replace temp table ladder_{{ side }} as
with
barriers (barrier, ticks) as (
    values
    {%- for _ in barriers %}
    ({{ loop.index }}, ${{ side }}_{{ loop.index }}_ticks)
    {{- "," if not loop.last }}
    {%- endfor %}
),

rungs as (
    select
        series,
        entry,
        touch_bar as rung,
        touch_clock,
        reach
    from nearest_{{ side }}

    union

    select
        series,
        entry,
        touch_bar as rung,
        touch_clock,
        reach
    from late_{{ side }}
),

asked as (
    select
        rungs.series,
        rungs.entry,
        rungs.rung,
        barriers.barrier,
        {{ sign }}rungs.entry + {{ level("barriers.ticks") }} as level,
        {{ cell("level", "cells.width") }} as cell,
        rungs.rung as touch_bar,
        rungs.touch_clock,
        rungs.reach
    from rungs
    cross join barriers
    inner join series using (series)
    inner join cells_{{ side }} as cells using (series)
),

{{ first_touches(side, ["series", "entry", "rung", "barrier"]) }}

select
    series,
    entry,
    rung
    {%- for _ in barriers %},
    any_value(touch_bar) filter (where barrier = {{ loop.index }}) as bar_{{ loop.index }},
    any_value(touch_clock) filter (where barrier = {{ loop.index }}) as clock_{{ loop.index }}
    {%- endfor %}
from first_touches
group by series, entry, rung;

drop table crossings_{{ side }};
drop table peaks_{{ side }};
drop table cells_{{ side }};
{%- endfor %}

drop table questions;
