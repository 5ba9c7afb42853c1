-- Purpose:    for every entry and barrier at a distance that bars share, the first bar from the entry on to touch it
-- Grain:      `questions`: one row per entry price and block of bars, and one per bar that its block does not answer
--             (`lone_bars`); `rungs_SIDE`: one per question whose nearest barrier is touched; `touches_SIDE`: one per
--             entry price and rung
-- In:         `bars`, `series`, `cells`, `crossings_SIDE`, `peaks_SIDE`
-- Out:        temp tables `questions`, `lone_bars`, `rungs_SIDE` and `touches_SIDE`; SIDE is up or down
-- Parameters: $distance_N_numerator and $distance_N_denominator, of the entry, for a barrier in percent
--
-- Neighbours share entry prices, and with them their questions. The nearest barrier is asked for once per entry
-- price and block of {{ block_bars }} bars, from the first of them on. If a bar of the block enters no later than at the touch,
-- nothing before it touched, and the answer is its answer too. The few bars that enter after it, on either side, are
-- lone: each is a question of its own. (`least` passes over a side that is never touched.)
--
-- A path reaches a farther barrier no earlier than a nearer one. So the farther ones are asked for only from the
-- first touch of the nearest one on, the rung, and the answer is the same for all questions that share entry price
-- and rung. A lone bar asks for all barriers from its entry bar on, which is a rung like any other.
--
-- Where a mode takes its direction from the bars, their side tells how far a barrier lies: an entry price is then one
-- of a side, here and wherever questions are told apart by it.
{%- from "label/distances.sql" import reach_of %}
{%- from "label/later_touches.sql" import later_touches %}
{%- set keys = ["series", "entry"] + (["side"] if trades.has_sides else []) %}
{%- set sides = trades.sides | selectattr("shared") | list %}
create or replace temp table questions as
with
shared_entries as (
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        {{ block("bar") }} as block,
        min(bar) + 1 as entry_bar,
        min(entry_clock) as entry_clock,
        arg_min(entry_high, bar) as entry_high,
        arg_min(entry_low, bar) as entry_low,
        max(bar) as last_bar,
        max({{ longest_horizon() }}) as horizon
    from bars
    where {{ calls }} and entry is not null
    group by all
)

select
    *,
    (row_number() over ())::integer as question,
    0 as lone_bar
from shared_entries;
{%- for side in sides %}

create or replace temp table rungs_{{ side.name }} as
with
distances as (
    select
        questions.*,
        least(
            {%- for reach in side.shared %}
            {{ reach_of(reach, "series", "questions") | indent(12) }}{{ "," if not loop.last }}
            {%- endfor %}
        ) as distance
    from questions
    inner join series on questions.series = series.series
),

searches as (
    select
        distances.question,
        {{ side.sign }}distances.entry + distances.distance as level,
        place_of(cell_of(level, cells.{{ side.name }}), distances.entry_bar) as place,
        distances.entry_bar as bar,
        distances.entry_clock as clock,
        {{ side.sign }}distances.entry_{{ side.extreme }} as reach
    from distances
    inner join cells on distances.series = cells.series
),

asked as (
    select
        question,
        level,
        place
    from searches
    where reach < level
),

{{ later_touches(side.name, ["question"]) }},

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
    {%- for key in keys %}
    questions.{{ key }},
    {%- endfor %}
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
        {%- for key in keys %}
        questions.{{ key }},
        {%- endfor %}
        questions.block,
        {%- for side in sides %}
        rungs_{{ side.name }}.bar as touch_{{ side.name }},
        {%- endfor %}
        least(
            {%- for side in sides %}
            rungs_{{ side.name }}.bar{{ "," if not loop.last }}
            {%- endfor %}
        ) as touch
    from questions
    {%- for side in sides %}
    left join rungs_{{ side.name }} using (question)
    {%- endfor %}
    where questions.last_bar >= touch
)

select
    {%- for key in keys %}
    bars.{{ key }},
    {%- endfor %}
    bars.bar,
    bars.entry_clock,
    bars.entry_high,
    bars.entry_low,
    early_touches.block,
    (select count(*) from questions) + row_number() over () as question,
    early_touches.question as shared_question
    {%- for side in sides %},
    coalesce(bars.bar >= early_touches.touch_{{ side.name }}, false) as enters_after_{{ side.name }}
    {%- endfor %}
from bars
inner join early_touches
    on
        {{ block("bars.bar") }} = early_touches.block
        {%- for key in keys %}
        and bars.{{ key }} = early_touches.{{ key }}
        {%- endfor %}
where
    {{ calls }}
    and bars.bar >= early_touches.touch;

insert into questions by name
select
    {%- for key in keys %}
    {{ key }},
    {%- endfor %}
    block,
    question,
    bar as lone_bar
from lone_bars;
{%- for side in sides %}

insert into rungs_{{ side.name }} by name
select
    question,
    {%- for key in keys %}
    {{ key }},
    {%- endfor %}
    bar + 1 as bar,
    entry_clock as clock,
    {{ side.sign }}entry_{{ side.extreme }} as reach
from lone_bars
where enters_after_{{ side.name }}

union all by name

select
    lone_bars.question,
    rungs.* exclude (question)
from lone_bars
inner join rungs_{{ side.name }} as rungs on lone_bars.shared_question = rungs.question
where not lone_bars.enters_after_{{ side.name }};

create or replace temp table touches_{{ side.name }} as
with
ladder as (
    select
        {%- for key in keys %}
        {{ key }},
        {%- endfor %}
        bar,
        clock,
        reach,
        min(question) as rung
    from rungs_{{ side.name }}
    group by all
),

levels as (
    select
        ladder.*
        {%- for reach in side.shared %},
        {{ side.sign }}ladder.entry + {{ reach_of(reach, "series", "ladder") | indent(8) }} as level_{{ loop.index }}
        {%- endfor %}
    from ladder
    inner join series on ladder.series = series.series
),

barriers as (
    select
        rung,
        series,
        bar,
        reach,
        unnest(range(1, {{ side.shared | length + 1 }})) as barrier,
        unnest([
            {%- for _ in side.shared %}
            level_{{ loop.index }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as level
    from levels
),

asked as (
    select
        barriers.rung,
        barriers.barrier,
        barriers.level,
        place_of(cell_of(barriers.level, cells.{{ side.name }}), barriers.bar) as place
    from barriers
    inner join cells on barriers.series = cells.series
    where barriers.reach < barriers.level
),

{{ later_touches(side.name, ["rung", "barrier"]) }},

farther_touches as (
    select
        rung
        {%- for _ in side.shared %},
        min(bar) filter (where barrier = {{ loop.index }}) as bar_{{ loop.index }},
        min(clock) filter (where barrier = {{ loop.index }}) as clock_{{ loop.index }}
        {%- endfor %}
    from later_touches
    group by rung
)

select
    {%- for key in keys %}
    levels.{{ key }},
    {%- endfor %}
    levels.bar as rung
    {%- for _ in side.shared %}
    {%- set here = "levels.reach >= levels.level_%d" % loop.index %},
    case when {{ here }} then levels.bar else farther_touches.bar_{{ loop.index }} end
        as bar_{{ loop.index }},
    case when {{ here }} then levels.clock else farther_touches.clock_{{ loop.index }} end
        as clock_{{ loop.index }}
    {%- endfor %}
from levels
left join farther_touches using (rung);
{%- endfor %}
{%- if not trades.has_questions_of_a_bar %}

drop table cells;
{%- for side in trades.sides %}
drop table crossings_{{ side.name }};
drop table peaks_{{ side.name }};
{%- endfor %}
{%- endif %}
