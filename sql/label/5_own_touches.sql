-- Purpose:    for every bar with barriers of its own, the first bar from its entry bar on that touches each; and where
--             a stop that trails is met
-- Grain:      `levels_SIDE`: one row per block of entry bars and level that one of them asks for; `trails_SIDE`:
--             one row per bar
-- In:         `bars`, `series`, `cells`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `levels_SIDE` and `trails_SIDE`; SIDE is up or down
--
-- Barriers of neighbours lie at few levels, whatever their distances. For each level and block of {{ block_bars }} entry bars
-- `climbs` has a bit for every bar of the block that climbs to the level or over it from below, the first bar being
-- the lowest bit, and `next_bar` is the first one after the block. An entry bar whose own reach is short of the level
-- is followed by the first climb after it.
--
-- A stop that trails by T behind the highest high is met at the first of two bars: the one at which a stop that stays
-- is met, and, over the bars k of the path, the first bar after k with low <= high[k] - T. The latter does not
-- depend on who asks. Its earliest over all bars from the entry bar on is the same as over those of the path: a bar
-- after the decision is met later still. And a bar k is passed over if a bar with as high a high follows within
-- {{ trail_bars }} bars, and no low of these meets its stop: whatever meets k's stop later meets the other one's no later.
{%- from "label/distances.sql" import reach_of, distance_of %}
{%- from "label/later_touches.sql" import later_touches %}
{%- for side in trades.sides if side.own %}

create or replace temp table levels_{{ side.name }} as
with
barriers as (
    select
        bars.series,
        {{ block("(bars.bar + 1)") }} as block,
        unnest([
            {%- for reach in side.own %}
            {{ side.sign }}bars.entry + {{ reach_of(reach) | indent(12) }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as level
    from bars
    inner join series on bars.series = series.series
    where {{ calls }} and bars.entry is not null
),

levels as (
    select distinct
        series,
        block,
        level
    from barriers
    where level is not null
),

climbs_of_the_blocks as (
    select
        levels.series,
        levels.block,
        levels.level,
        bit_or(1::ubigint << (bars.bar % {{ block_bars }})) as climbs
    from levels
    inner join bars
        on
            levels.series = bars.series
            and levels.block = {{ block("bars.bar") }}
            and levels.level > {{ side.sign }}bars.previous_{{ side.extreme }}
            and levels.level <= {{ side.sign }}bars.{{ side.extreme }}
    group by all
),

asked as (
    select
        levels.*,
        {{ cell("levels.level", "cells.width_" ~ side.name) }} as cell,
        levels.block * {{ block_bars }} + {{ block_bars - 1 }} as bar
    from levels
    inner join cells on levels.series = cells.series
),

{{ later_touches(side.name, ["series", "block", "level"], never) }},

next_touches as (
    select
        series,
        block,
        level,
        min(bar) as bar
    from later_touches
    group by all
)

select
    levels.series,
    levels.block,
    levels.level,
    coalesce(climbs_of_the_blocks.climbs, 0::ubigint) as climbs,
    next_touches.bar as next_bar
from levels
left join climbs_of_the_blocks using (series, block, level)
left join next_touches using (series, block, level);
{%- endfor %}
{%- for side in trades.sides if side.trails %}

create or replace temp table trails_{{ side.name }} as
with
bars_and_those_ahead as (
    select
        series,
        bar,
        {{ side.best }} as best,
        max({{ side.best }}) over ahead as best_ahead,
        max({{ side.sign }}{{ side.extreme }}) over ahead as reach_ahead,
        lead({{ side.sign }}{{ side.extreme }}) over in_order as next_reach
    from bars
    window
        in_order as (partition by series order by bar),
        ahead as (
            partition by series
            order by bar
            rows between 1 following and {{ trail_bars }} following
        )
),

stops as (
    select
        bars.series,
        bars.bar,
        bars.next_reach,
        bars.best_ahead,
        bars.reach_ahead,
        bars.best,
        unnest(range(1, {{ side.trails | length + 1 }})) as trail,
        unnest([
            {%- for distance in side.trails %}
            {{ distance_of(distance) }} - bars.best{{ "," if not loop.last }}
            {%- endfor %}
        ]) as level
    from bars_and_those_ahead as bars
    inner join series on bars.series = series.series
),

stops_that_count as (
    select
        series,
        bar,
        next_reach,
        trail,
        level
    from stops
    where next_reach is not null and (best_ahead < best or reach_ahead >= level)
),

asked as (
    select
        stops.series,
        stops.bar as best_bar,
        stops.trail,
        stops.level,
        {{ cell("stops.level", "cells.width_" ~ side.name) }} as cell,
        stops.bar + 1 as bar
    from stops_that_count as stops
    inner join cells on stops.series = cells.series
    where stops.next_reach < stops.level
),

{{ later_touches(side.name, ["series", "best_bar", "trail"], never) }},

meetings as (
    select
        series,
        bar as best_bar,
        trail,
        bar + 1 as bar
    from stops_that_count
    where next_reach >= level

    union all

    select
        series,
        best_bar,
        trail,
        bar
    from later_touches
),

meetings_of_the_bars as (
    select
        series,
        best_bar
        {%- for _ in side.trails %},
        min(bar) filter (where trail = {{ loop.index }}) as bar_{{ loop.index }}
        {%- endfor %}
    from meetings
    group by series, best_bar
)

select
    bars.series,
    bars.bar
    {%- for _ in side.trails %},
    min(meetings_of_the_bars.bar_{{ loop.index }}) over later_bars as trail_{{ loop.index }}
    {%- endfor %}
from bars
left join meetings_of_the_bars
    on bars.series = meetings_of_the_bars.series and bars.bar = meetings_of_the_bars.best_bar
window later_bars as (
    partition by bars.series
    order by bars.bar desc
    rows between unbounded preceding and 1 preceding
);
{%- endfor %}

drop table cells;
{%- for side in trades.sides %}
drop table crossings_{{ side.name }};
drop table peaks_{{ side.name }};
{%- endfor %}
