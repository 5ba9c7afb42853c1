-- Purpose:    what became of every trade: the first of roll, stop and target on its path decides
-- Grain:      one row per bar, margins included (the excursions look at their prices)
-- In:         `bars`, `rolled_paths`, `nearest_SIDE`, `late_SIDE`, `ladder_SIDE`
-- Out:        temp view `outcomes`; for mode N: `outcome_N`, `path_N` (bars from the signal to the bar that
--             decided, or with details the last bar of the path; 0 where nobody asks) and `decided_N` (its clock)
--
-- Inside one bar a roll beats a stop and a stop beats a target. The path of a bar that is roll-affected itself ends
-- before it begins, and a bar without an entry touches nothing: their barriers are untouched. A barrier that is
-- never touched has no clock, which `<` takes for false and `least` passes over.
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
        end::outcome as untouched
        {%- for side, barriers in [("up", up), ("down", down)] %}
        {%- for _ in barriers %},
        ladder_{{ side }}.bar_{{ loop.index }} as {{ side }}_{{ loop.index }}_bar,
        ladder_{{ side }}.clock_{{ loop.index }} as {{ side }}_{{ loop.index }}_clock
        {%- endfor %}
        {%- endfor %}
        {%- if details %},
        path_end.bar as last_bar,
        path_end.clock as last_clock
        {%- endif %}
    from bars
    left join rolled_paths on bars.series = rolled_paths.series and bars.bar = rolled_paths.bar
    {%- if details %}
    asof left join bars as path_end on bars.series = path_end.series and bars.horizon > path_end.clock
    {%- endif %}
    {%- for side in ("up", "down") %}
    left join nearest_{{ side }}
        on
            bars.series = nearest_{{ side }}.series
            and bars.entry = nearest_{{ side }}.entry
            and {{ block("bars.bar") }} = nearest_{{ side }}.block
    left join late_{{ side }} on bars.series = late_{{ side }}.series and bars.bar = late_{{ side }}.bar
    left join ladder_{{ side }}
        on
            bars.series = ladder_{{ side }}.series
            and bars.entry = ladder_{{ side }}.entry
            and ladder_{{ side }}.rung = case
                when bars.bar < nearest_{{ side }}.touch_bar then nearest_{{ side }}.touch_bar
                else late_{{ side }}.touch_bar
            end
    {%- endfor %}
),

decisions as (
    select
        *
        {%- for mode in modes %},
        case
            when {{ mode.target }}_clock < least(path_ends, {{ mode.stop }}_clock) then 'target'
            when {{ mode.stop }}_clock < path_ends then 'stop'
            else untouched
        end::outcome as outcome_{{ loop.index }}
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
