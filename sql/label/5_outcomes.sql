-- Purpose:    what became of every trade: the first of roll, stop and target on its path decides
-- Grain:      one row per bar, margins included (the excursions look at their prices)
-- In:         `bars`, `rolls`, `touches_SIDE_1`, `ladder_SIDE`
-- Out:        temp table `outcomes`; for mode N: `outcome_N`, `path_N` (bars from the signal to the bar that
--             decided, or with details the last bar of the path; 0 where nobody asks) and `decided_N` (its clock)
--
-- Inside one bar a roll beats a stop and a stop beats a target.
create or replace temp table outcomes as
with
paths as (
    select
        bars.series,
        bars.bar,
        bars.clock,
        bars.bar_time,
        bars.is_wanted,
        bars.high,
        bars.low,
        bars.entry,
        bars.entry_clock,
        bars.is_cut_short,
        own_roll.bar is not null as is_rolled,
        case when next_roll.clock < bars.horizon then next_roll.bar else {{ never }} end as roll_bar
        {%- for side, barriers in [("up", up), ("down", down)] %}
        {%- for _ in barriers %},
        case
            when ladder_{{ side }}.clock_{{ loop.index }} < bars.horizon then ladder_{{ side }}.bar_{{ loop.index }}
            else {{ never }}
        end as {{ side }}_{{ loop.index }}_bar,
        ladder_{{ side }}.clock_{{ loop.index }} as {{ side }}_{{ loop.index }}_clock
        {%- endfor %}
        {%- endfor %}
        {%- if details %},
        path_end.bar as last_bar,
        path_end.clock as last_clock
        {%- endif %}
    from bars
    left join rolls as own_roll on bars.series = own_roll.series and bars.bar = own_roll.bar
    asof left join rolls as next_roll on bars.series = next_roll.series and bars.bar < next_roll.bar
    {%- if details %}
    asof left join bars as path_end on bars.series = path_end.series and bars.horizon > path_end.clock
    {%- endif %}
    {%- for side, entry in [("up", "bars.entry"), ("down", "-bars.entry")] %}
    left join touches_{{ side }}_1 as touches_{{ side }}
        on bars.series = touches_{{ side }}.series and bars.bar = touches_{{ side }}.bar
    left join ladder_{{ side }}
        on
            touches_{{ side }}.series = ladder_{{ side }}.series
            and touches_{{ side }}.entry = ladder_{{ side }}.entry
            and touches_{{ side }}.touch_bar = ladder_{{ side }}.rung
    {%- endfor %}
),

decisions as (
    select
        *
        {%- for mode in modes %},
        case
            when is_rolled then 'roll'
            when entry is null then 'none'
            when roll_bar < {{ never }} and roll_bar <= least({{ mode.target }}_bar, {{ mode.stop }}_bar) then 'roll'
            when {{ mode.stop }}_bar < {{ never }} and {{ mode.stop }}_bar <= {{ mode.target }}_bar then 'stop'
            when {{ mode.target }}_bar < {{ never }} then 'target'
            when is_cut_short then 'censored'
            else 'timeout'
        end::outcome as outcome_{{ loop.index }}
        {%- endfor %}
    from paths
)

select
    series,
    bar,
    clock,
    bar_time,
    is_wanted,
    high,
    low,
    entry,
    entry_clock
    {%- for mode in modes %},
    outcome_{{ loop.index }},
    case
        when not is_wanted then 0
        when outcome_{{ loop.index }} = 'target' then {{ mode.target }}_bar - bar
        {%- if details %}
        when outcome_{{ loop.index }} = 'stop' then {{ mode.stop }}_bar - bar
        when outcome_{{ loop.index }} in ('timeout', 'censored') then last_bar - bar
        {%- endif %}
        else 0
    end as path_{{ loop.index }},
    case
        when outcome_{{ loop.index }} = 'target' then {{ mode.target }}_clock
        {%- if details %}
        when outcome_{{ loop.index }} = 'stop' then {{ mode.stop }}_clock
        when outcome_{{ loop.index }} in ('timeout', 'censored') then last_clock
        {%- endif %}
    end as decided_{{ loop.index }}
    {%- endfor %}
from decisions;

{% for table in ("bars", "touches_up_1", "touches_down_1", "ladder_up", "ladder_down") %}
drop table {{ table }};
{%- endfor %}
