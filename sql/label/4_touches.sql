-- Purpose:    for every entry and every barrier distance, the first bar from the entry bar on that touches it
-- Grain:      `touches_SIDE_1`: one row per bar whose nearest barrier is touched inside the horizon;
--             `ladder_SIDE`: one row per entry price and first touch of the nearest barrier
-- In:         `bars`, `series`, `crossings_SIDE`, `cells_SIDE`
-- Out:        temp tables `touches_SIDE_1` and `ladder_SIDE`; SIDE is up or down
-- Parameters: $SIDE_N_ticks, the distances of the barriers on that side in ticks, nearest first
--
-- The nearest barrier is asked for bar by bar. A path reaches a farther barrier no earlier than a nearer one, so
-- the farther ones are asked only from the touch of the nearer one on, and the answer is the same for all bars
-- that share entry price and touch. That leaves few questions: each is a rung of `ladder_SIDE`.
--
-- A question starts at a bar whose reach is known. Where that reach is short of the level, the first crossing
-- of the level's cell after that bar is visited, then the next one, until a visit reaches the level.
{%- macro first_touch(side) %}
search as (
    (
        select
            *,
            null::bigint as visit
        from asked
        where reach >= level

        union all

        select
            asked.* replace (
                crossings.bar as touch_bar, crossings.clock as touch_clock, crossings.reach as reach
            ),
            crossings.visit
        from asked
        asof inner join crossings_{{ side }} as crossings
            on
                asked.series = crossings.series
                and asked.cell = crossings.cell
                and asked.touch_bar < crossings.bar
        where asked.reach < asked.level
    )

    union all

    select
        search.* exclude (visit) replace (
            crossings.bar as touch_bar, crossings.clock as touch_clock, crossings.reach as reach
        ),
        crossings.visit
    from search
    inner join crossings_{{ side }} as crossings
        on
            search.series = crossings.series
            and search.cell = crossings.cell
            and search.visit + 1 = crossings.visit
    where search.reach < search.level
)
{%- endmacro %}

{%- macro level(side, distance) -%}
    ceil(${{ side }}_{{ distance }}_ticks * series.increments_per_tick)::bigint
{%- endmacro %}

{%- for side, entry, entry_reach, barriers in [
    ("up", "bars.entry", "bars.entry_high", up), ("down", "-bars.entry", "-bars.entry_low", down)
] %}
create or replace temp table touches_{{ side }}_1 as
with recursive
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

{{ first_touch(side) }}

select
    series,
    bar,
    entry,
    touch_bar,
    touch_clock,
    reach
from search
where reach >= level and touch_clock < horizon;

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
with recursive
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

{{ first_touch(side) }}

select
    series,
    entry,
    rung,
    touch_bar,
    touch_clock,
    reach
from search
where reach >= level;
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
drop table cells_{{ side }};
{%- endfor %}
