-- Purpose:    what became of every trade: the first of roll, stop and target on its path decides
-- Grain:      `trades`: one row per question; `outcomes`: one row per bar, margins included (the excursions look at
--             their prices)
-- In:         `bars`, `rolled_paths`, `lone_bars`, `questions`, `rungs_SIDE`, `touches_SIDE`
-- Out:        temp table `trades`; temp view `outcomes`; for mode N: `outcome_N`, `path_N` (bars from the signal to
--             the bar that decided, or with details the last bar of the path; 0 where nobody asks) and `decided_N`
--             (its clock)
--
-- All bars of a question share the first touch of every barrier, and with it which of a mode's two barriers is
-- touched first, and where: that is their trade. What differs is the horizon of each bar, and whether a roll comes
-- before the touch.
--
-- Inside one bar a roll beats a stop and a stop beats a target. The path of a bar that is roll-affected itself ends
-- before it begins, and a bar without an entry touches nothing: their barriers are untouched. A barrier that is
-- never touched has no bar and no clock, which `<` takes for false and `least` passes over.
create or replace temp table trades as
select
    questions.series,
    questions.entry,
    questions.block,
    questions.lone_bar
    {%- for mode in modes %}
    {%- set (target_side, target), (stop_side, stop) = mode.target, mode.stop %}
    {%- set target_touch, stop_touch = "touches_%s.bar_%d" % mode.target, "touches_%s.bar_%d" % mode.stop %},
    least({{ target_touch }}, {{ stop_touch }}) as touch_bar_{{ loop.index }},
    least(touches_{{ target_side }}.clock_{{ target }}, touches_{{ stop_side }}.clock_{{ stop }})
        as touch_clock_{{ loop.index }},
    case
        when {{ target_touch }} < {{ stop_touch }} or {{ stop_touch }} is null then 'target'
        else 'stop'
    end::outcome as touched_{{ loop.index }}
    {%- endfor %}
from questions
{%- for side in ("up", "down") %}
left join rungs_{{ side }} on questions.question = rungs_{{ side }}.question
left join touches_{{ side }}
    on
        rungs_{{ side }}.series = touches_{{ side }}.series
        and rungs_{{ side }}.entry = touches_{{ side }}.entry
        and rungs_{{ side }}.bar = touches_{{ side }}.rung
{%- endfor %};

drop table questions;
{%- for side in ("up", "down") %}
drop table rungs_{{ side }};
drop table touches_{{ side }};
{%- endfor %}

create or replace temp view outcomes as
with
paths as (
    select
        bars.series,
        bars.bar,
        bars.clock,
        bars.is_wanted,
        bars.high,
        bars.low,
        bars.entry,
        bars.entry_clock,
        least(bars.horizon, rolled_paths.roll_clock) as path_ends,
        case
            when rolled_paths.roll_bar is not null then 'roll'
            when bars.entry is null then 'none'
            when bars.is_cut_short then 'censored'
            else 'timeout'
        end::outcome as untouched,
        trades.* exclude (series, entry, block, lone_bar)
        {%- if details %},
        path_end.bar as last_bar,
        path_end.clock as last_clock
        {%- endif %}
    from bars
    left join rolled_paths on bars.series = rolled_paths.series and bars.bar = rolled_paths.bar
    {%- if details %}
    asof left join bars as path_end on bars.series = path_end.series and bars.horizon > path_end.clock
    {%- endif %}
    left join lone_bars on bars.series = lone_bars.series and bars.bar = lone_bars.bar
    left join trades
        on
            bars.series = trades.series
            and bars.entry = trades.entry
            and {{ block("bars.bar") }} = trades.block
            and coalesce(lone_bars.bar, 0) = trades.lone_bar
),

decisions as (
    select
        *
        {%- for _ in modes %},
        case
            when touch_clock_{{ loop.index }} < path_ends then touched_{{ loop.index }}
            else untouched
        end as outcome_{{ loop.index }}
        {%- endfor %}
    from paths
)

select
    series,
    bar,
    clock,
    is_wanted,
    high,
    low,
    entry,
    entry_clock
    {%- set touched = "in ('target', 'stop')" if details else "= 'target'" %}
    {%- for _ in modes %},
    outcome_{{ loop.index }},
    case
        when not is_wanted then 0
        when outcome_{{ loop.index }} {{ touched }} then touch_bar_{{ loop.index }} - bar
        {%- if details %}
        when outcome_{{ loop.index }} in ('timeout', 'censored') then last_bar - bar
        {%- endif %}
        else 0
    end as path_{{ loop.index }},
    case
        when outcome_{{ loop.index }} {{ touched }} then touch_clock_{{ loop.index }}
        {%- if details %}
        when outcome_{{ loop.index }} in ('timeout', 'censored') then last_clock
        {%- endif %}
    end as decided_{{ loop.index }}
    {%- endfor %}
from decisions;
