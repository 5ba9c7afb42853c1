-- Purpose:    where prices reach new levels: the only bars that can be the first to touch a barrier
-- Grain:      `crossings_SIDE`: one row per bar and price cell whose top the bar climbs to or over;
--             `peaks_SIDE`: one row per bar that climbs and ends below the top of a cell
-- In:         `bars`
-- Out:        temp tables `cells` (one row per series: how wide its cells are, and their numbers), `crossings_SIDE` and
--             `peaks_SIDE`; SIDE is up or down
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
--
-- A place is a cell and a bar in one number, the bar in its lowest 32 bits, so that what comes next in a cell is looked
-- for in one column. Cells are numbered through, series after series, of each from that of the lowest reach to the one
-- above that of the highest, which stands for all levels that nothing reaches. (A level below the lowest counts to the
-- first cell: every bar reaches it, and nobody uses what is found later.) Cells take 31 bits of a place:
-- the series share 2^30, and where that is too few cells are wider than a climb.
create or replace temp table cells as
with
reaches as (
    select
        series
        {%- for side in trades.sides %}
        {%- set reach, previous = side.sign ~ side.extreme, side.sign ~ "previous_" ~ side.extreme %},
        min({{ reach }}) as lowest_{{ side.name }},
        max({{ reach }}) as highest_{{ side.name }},
        coalesce(sum(greatest({{ reach }} - {{ previous }}, 0)) // count(*), 1) as climb_{{ side.name }}
        {%- endfor %}
    from bars
    group by series
),

widths as (
    select
        *
        {%- for side in trades.sides %},
        greatest(
            climb_{{ side.name }},
            (highest_{{ side.name }} - lowest_{{ side.name }}) // (1073741824 // count(*) over ()) + 1
        )::bigint as width_{{ side.name }}
        {%- endfor %}
    from reaches
),

numbers as (
    select
        *
        {%- for side in trades.sides %},
        (highest_{{ side.name }} - lowest_{{ side.name }}) // width_{{ side.name }} + 2 as count_{{ side.name }},
        sum(count_{{ side.name }}) over (order by series)::bigint - 1 as last_{{ side.name }}
        {%- endfor %}
    from widths
)

select
    series
    {%- for side in trades.sides %}
    {%- set name = side.name %},
    {
        first_cell: last_{{ name }} - count_{{ name }} + 1,
        last_cell: last_{{ name }},
        lowest: lowest_{{ name }},
        width: width_{{ name }}
    } as {{ name }}
    {%- endfor %}
from numbers;
{%- for side in trades.sides %}
{%- set reach, previous = side.sign ~ side.extreme, side.sign ~ "previous_" ~ side.extreme %}

create or replace temp table climbs as
select
    bars.bar,
    bars.clock,
    {{ reach }} as reach,
    cell_of({{ previous }} + 1, cells.{{ side.name }}) as first_cell,
    cell_of({{ reach }} + 1, cells.{{ side.name }}) as cell_above,
    cell_of({{ reach }}, cells.{{ side.name }}) as last_cell,
    cells.{{ side.name }}.width > 1 as is_wide
from bars
inner join cells using (series)
where {{ reach }} > {{ previous }};

create or replace temp table crossings_{{ side.name }} as
select
    place_of(unnest(range(first_cell, cell_above)), bar) as place,
    bar,
    clock,
    reach,
    is_wide
from climbs;

create or replace temp table peaks_{{ side.name }} as
with
searches as (
    select
        *,
        place_of(last_cell, bar) as place
    from climbs
    where last_cell = cell_above
),

crossings_of_wide_cells as (
    select place
    from crossings_{{ side.name }}
    where is_wide
)

select
    searches.bar,
    searches.clock,
    searches.reach,
    next_place(searches.place, crossings.place) as next_crossing
from searches
asof left join crossings_of_wide_cells as crossings on searches.place < crossings.place;
{%- endfor %}

drop table climbs;
