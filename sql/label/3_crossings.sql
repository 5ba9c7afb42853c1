-- Purpose:    where prices reach new levels: the only bars that can be the first to touch a barrier
-- Grain:      one row per bar and price cell that the bar climbs into or through; for each side
-- In:         `bars`, `rolls`
-- Out:        temp tables `cells_SIDE` (the width of a cell, per series) and `crossings_SIDE`; SIDE is up or down
--
-- A bar is the first to touch a level L only if its predecessor stayed below: previous reach < L <= reach, where
-- the reach is the high, or the low mirrored at zero, so that the way down is the same climb. Such a bar crosses
-- L. On real one-second bars there are fewer crossings than bars.
--
-- Where the grid is fine beside the movement, one climb crosses thousands of levels. Levels are therefore
-- gathered in cells, as wide as keeps the rows below five per bar; on a coarse grid a cell is one level. Whoever
-- looks for L visits the crossings of L's cell in order of time and takes the first whose reach is at least L.
-- That is exact for any width: the bar that touches L first climbs over L, so it is among the visits, and an
-- earlier visit that reached L would have touched it earlier.
--
-- Bars affected by a roll are left out: a path ends there before any barrier is looked at.
{%- for side, reach, previous_reach in [
    ("up", "high", "previous_high"), ("down", "-low", "-previous_low")
] %}
create or replace temp table cells_{{ side }} as
select
    series,
    greatest(
        1,
        coalesce(sum(greatest({{ reach }} - ({{ previous_reach }}), 0)) // (4 * count(*)), 1)
    )::bigint as width
from bars
group by series;

create or replace temp table crossings_{{ side }} as
with
climbs as (
    select
        bars.series,
        bars.bar,
        bars.clock,
        cells.width,
        {{ reach }} as reach,
        {{ previous_reach }} as previous_reach
    from bars
    inner join cells_{{ side }} as cells using (series)
    anti join rolls using (series, bar)
    where {{ reach }} > {{ previous_reach }}
),

crossings as (
    select
        series,
        bar,
        clock,
        reach,
        unnest(range(
            {{ cell("previous_reach + 1", "width") }},
            {{ cell("reach", "width") }} + 1
        )) as cell
    from climbs
)

select
    *,
    row_number() over (partition by series, cell order by bar) as visit
from crossings;
{%- endfor %}
