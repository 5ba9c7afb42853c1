-- Purpose:    for every entry and every barrier distance, the first bar from the entry bar on that touches it
-- Grain:      `touches_SIDE_1`: one row per bar whose nearest barrier is touched inside the horizon;
--             `ladder_SIDE`: one row per entry price and first touch of the nearest barrier
-- In:         `bars`, `series`, `cells_SIDE`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `touches_SIDE_1` and `ladder_SIDE`; SIDE is up or down
-- Parameters: $SIDE_N_ticks, the distances of the barriers on that side in ticks, nearest first
--
-- The nearest barrier is asked for bar by bar. A path reaches a farther barrier no earlier than a nearer one, so
-- the farther ones are asked only from the touch of the nearer one on, and the answer is the same for all bars
-- that share entry price and touch. That leaves few questions: each is a rung of `ladder_SIDE`.
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

{%- macro level(side, distance) -%}
    ceil(${{ side }}_{{ distance }}_ticks * series.increments_per_tick)::bigint
{%- endmacro %}

{%- for side, entry, entry_reach, barriers in [
    ("up", "bars.entry", "bars.entry_high", up), ("down", "-bars.entry", "-bars.entry_low", down)
] %}
create or replace temp table touches_{{ side }}_1 as
with
asked as (
    select
        bars.series,
        bars.bar,
        bars.horizon,
        {{ entry }} as entry,
        {{ entry }} + {{ level(side, 1) }} as level,
        {{ cell(entry ~ " + " ~ level(side, 1), "cells.width") }} as cell,
        bars.bar + 1 as touch_bar,
        bars.entry_clock as touch_clock,
        {{ entry_reach }} as reach
    from bars
    inner join series using (series)
    inner join cells_{{ side }} as cells using (series)
    where bars.is_wanted and bars.entry is not null
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

create or replace temp table rung_{{ side }}_1 as
select distinct
    series,
    entry,
    touch_bar as rung,
    touch_bar,
    touch_clock,
    reach
from touches_{{ side }}_1;
{% for _ in barriers[1:] %}
{%- set this, nearer = loop.index + 1, loop.index %}
create or replace temp table rung_{{ side }}_{{ this }} as
with
asked as (
    select
        nearer.series,
        nearer.entry,
        nearer.rung,
        nearer.entry + {{ level(side, this) }} as level,
        {{ cell("nearer.entry + " ~ level(side, this), "cells.width") }} as cell,
        nearer.touch_bar,
        nearer.touch_clock,
        nearer.reach
    from rung_{{ side }}_{{ nearer }} as nearer
    inner join series using (series)
    inner join cells_{{ side }} as cells using (series)
),

{{ first_touches(side, ["series", "entry", "rung"]) }}

select
    series,
    entry,
    rung,
    touch_bar,
    touch_clock,
    reach
from first_touches;
{% endfor %}
create or replace temp table ladder_{{ side }} as
select
    rung_{{ side }}_1.series,
    rung_{{ side }}_1.entry,
    rung_{{ side }}_1.rung
    {%- for _ in barriers %},
    rung_{{ side }}_{{ loop.index }}.touch_bar as bar_{{ loop.index }},
    rung_{{ side }}_{{ loop.index }}.touch_clock as clock_{{ loop.index }}
    {%- endfor %}
from rung_{{ side }}_1
{%- for _ in barriers[1:] %}
left join rung_{{ side }}_{{ loop.index + 1 }} using (series, entry, rung)
{%- endfor %};

{%- for _ in barriers %}
drop table rung_{{ side }}_{{ loop.index }};
{%- endfor %}
drop table crossings_{{ side }};
drop table peaks_{{ side }};
drop table cells_{{ side }};
{%- endfor %}
