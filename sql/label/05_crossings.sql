-- Purpose:    where prices reach new levels: the only bars that can be the first to touch a barrier
-- Grain:      `crossings_SIDE`: one row per bar and price cell whose top the bar climbs to or over;
--             `peaks_SIDE`: one row per bar that climbs and ends below the top of a cell
-- In:         `bars`
-- Out:        temp tables `cells` (the width of a cell, per series and side), `crossings_SIDE` and `peaks_SIDE`; SIDE
--             is up or down
--
-- A bar is the first to touch a level L only if its predecessor stayed below: previous reach < L <= reach, where
-- the reach is the high, or the low mirrored at zero, so that the way down is the same climb.
--
-- Where the grid is fine beside the movement, one climb leads over thousands of levels. Levels are therefore
-- gathered in cells, as wide as a bar climbs on average, which keeps the crossings below two per bar; on a coarse
-- grid a cell is one level. The climb that touches L first either reaches the top of L's cell, which makes it a
-- crossing, or ends inside the cell, at or above L: a peak. A cell of one level has no peaks. Every peak knows the
-- next crossing of its cell: who is answered by that crossing has only the peaks before it to look at.
--
-- Bars affected by a roll climb like all others, though a path ends there before any barrier is looked at: a question
-- is shared by bars before and after the roll, and those after it must find their touch.
create or replace temp table cells as
select
    series,
    greatest(1, coalesce(sum(greatest(high - previous_high, 0)) // count(*), 1))::bigint as width_up,
    greatest(1, coalesce(sum(greatest(previous_low - low, 0)) // count(*), 1))::bigint as width_down
from bars
group by series;
{%- for side in trades.sides %}
{%- set reach = side.sign ~ side.extreme %}
{%- set previous_reach = side.sign ~ "previous_" ~ side.extreme %}

create or replace temp table climbs as
select
    bars.series,
    bars.bar,
    bars.clock,
    {{ reach }} as reach,
    {{ cell(previous_reach ~ " + 1", "cells.width_" ~ side.name) }} as first_cell,
    {{ cell(reach ~ " + 1", "cells.width_" ~ side.name) }} as cell_above,
    {{ cell(reach, "cells.width_" ~ side.name) }} as last_cell
from bars
inner join cells using (series)
where {{ reach }} > {{ previous_reach }};

create or replace temp table crossings_{{ side.name }} as
select
    series,
    bar,
    clock,
    reach,
    unnest(range(first_cell, cell_above)) as cell
from climbs;

create or replace temp table peaks_{{ side.name }} as
with
crossings_of_wide_cells as (
    select crossings.*
    from crossings_{{ side.name }} as crossings
    inner join cells using (series)
    where cells.width_{{ side.name }} > 1
)

select
    climbs.series,
    climbs.bar,
    climbs.clock,
    climbs.reach,
    climbs.last_cell as cell,
    coalesce(crossings.bar, {{ never }}) as next_crossing
from climbs
asof left join crossings_of_wide_cells as crossings
    on
        climbs.series = crossings.series
        and climbs.last_cell = crossings.cell
        and climbs.bar < crossings.bar
where climbs.last_cell = climbs.cell_above;
{%- endfor %}

drop table climbs;
