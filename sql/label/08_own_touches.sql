-- Purpose:    for every bar with barriers of its own, the first bar from its entry bar on that touches each; and where
--             a stop that trails is met
-- Grain:      `levels_SIDE`: one row per block of entry bars and level that one of them asks for; `trails`: one row
--             per bar
-- In:         `bars`, `series`, `cells`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `levels_SIDE` and `trails`; SIDE is up or down
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
        bit_or(1::ubigint << (bars.bar % {{ block_bars }})::ubigint) as climbs
    from levels
    inner join bars
        on
            levels.series = bars.series
            and levels.block = {{ block("bars.bar") }}
            and {{ side.sign }}bars.{{ side.extreme }} > {{ side.sign }}bars.previous_{{ side.extreme }}
            and levels.level > {{ side.sign }}bars.previous_{{ side.extreme }}
            and levels.level <= {{ side.sign }}bars.{{ side.extreme }}
    group by all
),

asked as (
    select
        levels.*,
        levels.block * {{ block_bars }} + {{ block_bars - 1 }} as last_bar,
        place_of(cell_of(levels.level, cells.{{ side.name }}), last_bar) as place
    from levels
    inner join cells on levels.series = cells.series
),

{{ later_touches(side.name, ["series", "block", "level"]) }},

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
{%- if trades.trailing_sides %}

create or replace temp table bars_and_those_ahead as
with
ahead_0 as (
    select
        series,
        bar,
        high,
        low,
        null::bigint as highest,
        null::bigint as lowest
    from bars
    order by bar
)
{#- What lies within twice as many bars is that which lies within so many, here and so many bars ahead. -#}
{%- for step in trail_steps %}
{%- set ahead = step // 2 or 1 %},

ahead_{{ step }} as (
    select
        series,
        bar,
        high,
        low,
        {%- for name, extreme, price in (("highest", "greatest", "high"), ("lowest", "least", "low")) %}
        {{ extreme }}(
            {{ name }},
            case when lead(series, {{ ahead }}) over () = series then lead({{ price if step == 1 else name }}, {{ ahead }}) over () end
        ) as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from ahead_{{ step // 2 }}
)
{%- endfor %}

select
    *,
    case when lead(series) over () = series then lead(high) over () end as next_high,
    case when lead(series) over () = series then lead(low) over () end as next_low
from ahead_{{ trail_bars }};
{%- set ahead = {"high": "highest", "low": "lowest"} %}
{%- for side in trades.trailing_sides %}
{%- set best_ahead = "highest" if side.best == "high" else "-lowest" %}

create or replace temp table meetings_{{ side.name }} as
with
stops as (
    select
        bars.series,
        bars.bar,
        {{ side.sign }}bars.next_{{ side.extreme }} as next_reach,
        {{ best_ahead }} as best_ahead,
        {{ side.sign }}{{ ahead[side.extreme] }} as reach_ahead,
        {{ side.best }} as best,
        unnest(range(1, {{ side.trails | length + 1 }})) as trail,
        unnest([
            {%- for distance in side.trails %}
            {{ distance_of(distance) }} - {{ side.best }}{{ "," if not loop.last }}
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
        place_of(cell_of(stops.level, cells.{{ side.name }}), stops.bar + 1) as place
    from stops_that_count as stops
    inner join cells on stops.series = cells.series
    where stops.next_reach < stops.level
),

{{ later_touches(side.name, ["series", "best_bar", "trail"]) }},

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
)

select
    series,
    best_bar
    {%- for _ in side.trails %},
    min(bar) filter (where trail = {{ loop.index }}) as bar_{{ loop.index }}
    {%- endfor %}
from meetings
group by series, best_bar;
{%- endfor %}

-- From the last bar to the first, so that the earliest of all later meetings is the earliest so far. In front of a bar
-- stands its series: that of a series before it is smaller, and comes later.
create or replace temp table trails as
with
bars_from_the_last as (
    select
        bars.series,
        bars.bar
        {%- for side in trades.trailing_sides %}
        {%- for _ in side.trails %},
        (bars.series::bigint << 32) + meetings_{{ side.name }}.bar_{{ loop.index }} as {{ side.name }}_{{ loop.index }}
        {%- endfor %}
        {%- endfor %}
    from bars
    {%- for side in trades.trailing_sides %}
    left join meetings_{{ side.name }}
        on bars.series = meetings_{{ side.name }}.series and bars.bar + 1 = meetings_{{ side.name }}.best_bar
    {%- endfor %}
    order by bars.bar desc
),

earliest_meetings as (
    select
        series,
        bar
        {%- for side in trades.trailing_sides %}
        {%- for _ in side.trails %}
        {%- set meeting = "%s_%d" % (side.name, loop.index) %},
        min({{ meeting }}) over so_far as {{ meeting }}
        {%- endfor %}
        {%- endfor %}
    from bars_from_the_last
    window so_far as (rows between unbounded preceding and current row) -- noqa: PRS
)

select
    bar
    {%- for side in trades.trailing_sides %}
    {%- for _ in side.trails %}
    {%- set meeting = "%s_%d" % (side.name, loop.index) %},
    case when {{ meeting }} >> 32 = series then ({{ meeting }} & 4294967295)::integer end as {{ meeting }}
    {%- endfor %}
    {%- endfor %}
from earliest_meetings;

drop table bars_and_those_ahead;
{%- for side in trades.trailing_sides %}
drop table meetings_{{ side.name }};
{%- endfor %}
{%- endif %}

drop table cells;
{%- for side in trades.sides %}
drop table crossings_{{ side.name }};
drop table peaks_{{ side.name }};
{%- endfor %}
