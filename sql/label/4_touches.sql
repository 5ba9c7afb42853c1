-- Purpose:    for every entry and every barrier distance, the first bar from the entry bar on that touches it
-- Grain:      `questions`: one row per entry price and block of bars, and one per bar that its block does not answer
--             (`lone_bars`); `rungs_SIDE`: one row per question whose nearest barrier is touched; `touches_SIDE`: one
--             row per entry price and rung
-- In:         `bars`, `series`, `cells`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `questions`, `lone_bars`, `rungs_SIDE` and `touches_SIDE`; SIDE is up or down
-- Parameters: $SIDE_N_ticks, the distances of the barriers on that side in ticks, nearest first
--
-- Neighbours share entry prices, and with them their questions. The nearest barrier is asked for once per entry
-- price and block of {{ block_bars }} bars, from the first of them on. If a bar of the block enters no later than at the touch,
-- nothing before it touched, and the answer is its answer too. The few bars that enter after it, on either side, are
-- late: each is a question of its own. (`least` passes over a side that is never touched.)
--
-- A path reaches a farther barrier no earlier than a nearer one. So the farther ones are asked for only from the
-- first touch of the nearest one on, the rung, and the answer is the same for all questions that share entry price
-- and rung. A late bar asks for all barriers from its entry bar on, which is a rung like any other.
--
-- A search starts at a bar whose reach is known. Where that reach is short of the level, the next crossing of the
-- level's cell reaches it, unless a peak inside the cell did so before. Such a peak lies before that crossing and
-- after the one before it: it is among those with the same `next_crossing`. Where there are any, the first of them is
-- the touch, else the crossing.
{%- set sides = [("up", "", "high", up), ("down", "-", "low", down)] %}
{%- macro later_touches(side, keys) -%}
later_touches as (
    select
        {%- for key in keys %}
        asked.{{ key }},
        {%- endfor %}
        coalesce(peaks.bar, crossings.bar) as bar,
        coalesce(peaks.clock, crossings.clock) as clock,
        coalesce(peaks.reach, crossings.reach) as reach
    from asked
    asof left join crossings_{{ side }} as crossings
        on
            asked.series = crossings.series
            and asked.cell = crossings.cell
            and asked.bar < crossings.bar
    left join peaks_{{ side }} as peaks
        on
            asked.series = peaks.series
            and asked.cell = peaks.cell
            and coalesce(crossings.bar, {{ never }}) = peaks.next_crossing
            and asked.bar < peaks.bar
            and asked.level <= peaks.reach
    where coalesce(peaks.bar, crossings.bar) is not null
)
{%- endmacro %}

-- How far the barriers lie from the entry, in price increments.
create or replace temp table distances as
select
    series
    {%- for side, _, _, barriers in sides %}
    {%- for _ in barriers %},
    ceil(${{ side }}_{{ loop.index }}_ticks * increments_per_tick)::bigint as {{ side }}_{{ loop.index }}
    {%- endfor %}
    {%- endfor %}
from series;

create or replace temp table questions as
with
shared_entries as (
    select
        series,
        entry,
        {{ block("bar") }} as block,
        min(bar) + 1 as entry_bar,
        min(entry_clock) as entry_clock,
        arg_min(entry_high, bar) as entry_high,
        arg_min(entry_low, bar) as entry_low,
        max(bar) as last_bar,
        max(horizon) as horizon
    from bars
    where is_wanted and entry is not null
    group by all
)

select
    *,
    (row_number() over ())::integer as question,
    0 as lone_bar
from shared_entries;
{%- for side, sign, extreme, _ in sides %}

create or replace temp table rungs_{{ side }} as
with
searches as (
    select
        questions.question,
        questions.series,
        {{ sign }}questions.entry + distances.{{ side }}_1 as level,
        {{ cell("level", "cells.width_" ~ side) }} as cell,
        questions.entry_bar as bar,
        questions.entry_clock as clock,
        {{ sign }}questions.entry_{{ extreme }} as reach
    from questions
    inner join distances on questions.series = distances.series
    inner join cells on questions.series = cells.series
),

asked as (
    select
        question,
        series,
        level,
        cell,
        bar
    from searches
    where reach < level
),

{{ later_touches(side, ["question"]) }},

first_touches as (
    select
        question,
        bar,
        clock,
        reach
    from searches
    where reach >= level

    union all

    select
        question,
        min(bar) as bar,
        min(clock) as clock,
        arg_min(reach, bar) as reach
    from later_touches
    group by question
)

select
    questions.question,
    questions.series,
    questions.entry,
    first_touches.bar,
    first_touches.clock,
    first_touches.reach
from first_touches
inner join questions using (question)
where first_touches.clock < questions.horizon;
{%- endfor %}

create or replace temp table lone_bars as
with
early_touches as (
    select
        questions.question,
        questions.series,
        questions.entry,
        questions.block,
        rungs_up.bar as touch_up,
        rungs_down.bar as touch_down
    from questions
    left join rungs_up using (question)
    left join rungs_down using (question)
    where questions.last_bar >= least(rungs_up.bar, rungs_down.bar)
)

select
    bars.series,
    bars.bar,
    bars.entry,
    bars.entry_clock,
    bars.entry_high,
    bars.entry_low,
    early_touches.block,
    (select count(*) from questions) + row_number() over () as question,
    early_touches.question as shared_question,
    coalesce(bars.bar >= early_touches.touch_up, false) as is_late_up,
    coalesce(bars.bar >= early_touches.touch_down, false) as is_late_down
from bars
inner join early_touches
    on
        bars.series = early_touches.series
        and bars.entry = early_touches.entry
        and {{ block("bars.bar") }} = early_touches.block
where
    bars.is_wanted
    and bars.bar >= least(early_touches.touch_up, early_touches.touch_down);

insert into questions by name
select
    series,
    entry,
    block,
    question,
    bar as lone_bar
from lone_bars;
{%- for side, sign, extreme, barriers in sides %}

insert into rungs_{{ side }}
select
    question,
    series,
    entry,
    bar + 1 as bar,
    entry_clock as clock,
    {{ sign }}entry_{{ extreme }} as reach
from lone_bars
where is_late_{{ side }}

union all

select
    lone_bars.question,
    rungs.* exclude (question)
from lone_bars
inner join rungs_{{ side }} as rungs on lone_bars.shared_question = rungs.question
where not lone_bars.is_late_{{ side }};

create or replace temp table touches_{{ side }} as
with
ladder as (
    select
        series,
        entry,
        bar,
        clock,
        reach,
        min(question) as rung
    from rungs_{{ side }}
    group by all
),

barriers as (
    select
        series,
        unnest(range(1, {{ barriers | length + 1 }})) as barrier,
        unnest([
            {%- for _ in barriers %}
            {{ side }}_{{ loop.index }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as distance
    from distances
),

asked as (
    select
        ladder.rung,
        barriers.barrier,
        ladder.series,
        {{ sign }}ladder.entry + barriers.distance as level,
        {{ cell("level", "cells.width_" ~ side) }} as cell,
        ladder.bar
    from ladder
    inner join barriers
        on ladder.series = barriers.series and ladder.reach < {{ sign }}ladder.entry + barriers.distance
    inner join cells on ladder.series = cells.series
),

{{ later_touches(side, ["rung", "barrier"]) }},

farther_touches as (
    select
        rung
        {%- for _ in barriers %},
        min(bar) filter (where barrier = {{ loop.index }}) as bar_{{ loop.index }},
        min(clock) filter (where barrier = {{ loop.index }}) as clock_{{ loop.index }}
        {%- endfor %}
    from later_touches
    group by rung
)

select
    ladder.series,
    ladder.entry,
    ladder.bar as rung
    {%- for _ in barriers %}
    {%- set here = "ladder.reach >= %sladder.entry + distances.%s_%d" % (sign, side, loop.index) %},
    case when {{ here }} then ladder.bar else farther_touches.bar_{{ loop.index }} end
        as bar_{{ loop.index }},
    case when {{ here }} then ladder.clock else farther_touches.clock_{{ loop.index }} end
        as clock_{{ loop.index }}
    {%- endfor %}
from ladder
inner join distances using (series)
left join farther_touches using (rung);

drop table crossings_{{ side }};
drop table peaks_{{ side }};
{%- endfor %}

drop table distances;
drop table cells;
