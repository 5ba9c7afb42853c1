-- Purpose:    what became of every trade: the first of roll, stop and target on its path decides
-- Grain:      one row per bar, margins included (the excursions look at their prices)
-- In:         `bars`, `series`, `rolled_paths`; `trades`, `lone_bars`; `levels_SIDE`, `trails`; SIDE is up or down
-- Out:        temp view `outcomes`, or where only some bars are asked a temp table of these; for mode N: `outcome_N`
--             (`both` where one bar touches both barriers: the tie rule settles it later, see `13_part`), `path_N`
--             (bars from the signal to the bar that decided, or with exits the last bar of the path; 0 where nobody
--             asks), `span_N`, the same of every trade where overlap counts, and `decided_N` (the clock of that bar)
--
-- What differs between the bars of a question is the horizon of each, and whether a roll comes before the touch. Where
-- a mode has a barrier that is the bar's own, or a stop that trails, its bars are decided one by one.
--
-- Inside one bar a roll beats stop and target. The path of a bar that is roll-affected itself ends before it begins,
-- and a bar without an entry touches nothing: their barriers are untouched. A barrier that is never touched has no bar
-- and no clock, which `<` takes for false and `least` passes over.
{%- from "label/barriers.sql" import any_unknown, of_trade, touched %}
{%- from "label/distances.sql" import distance_of, reach_of %}
{%- set has_levels = has_exits or breaks_ties_by_open %}
{%- set keys = ["series", "entry"] + (["side"] if trades.has_sides else []) %}
{%- set unfinished = "'timeout', 'close', 'censored'" if is_flat else "'timeout', 'censored'" %}
{%- set spans = "'target', 'stop'" if tie == "null" else "'target', 'stop', 'both'" %}
{%- set modes_by_bar = trades.modes | rejectattr("is_shared") | list %}

{#- The bar at which a barrier of the bar's own is touched first. -#}
{%- macro own(touch) -%}
{%- if touch and touch.kind == "own" -%}
bars.{{ touch.side }}_own_{{ touch.number }}
{%- endif -%}
{%- endmacro %}

{#- Whether it is known at the signal bar that a mode has no trade there. -#}
{%- macro is_skipped(mode) -%}
{{ "not bars.is_asked" if asks_some else "false" }}
        {{- " or bars.side = 0" if mode.direction == "side" }}
        {%- for distance in mode.own %}
        or {{ distance_of(distance) }} is null
        {%- endfor %}
        {%- if mode.percentages and mode.shares %}
        or coalesce(trades.is_unknown_{{ mode.number }}, false)
        {%- elif mode.percentages %}
        or {{ any_unknown(mode.percentages, "bars") }}
        {%- endif %}
{%- endmacro %}
create or replace temp {{ "table" if asks_some else "view" }} outcomes as
with
{%- if trades.has_own %}
bars_with_their_levels as (
    select
        bars.*,
        {{ block("(bars.bar + 1)") }} as entry_block,
        ((bars.bar + 1) % {{ block_bars }})::ubigint as place_in_block
        {%- for side in trades.sides %}
        {%- for reach in side.own %},
        {{ side.sign }}bars.entry + {{ reach_of(reach) | indent(8) }} as {{ side.name }}_level_{{ loop.index }}
        {%- endfor %}
        {%- endfor %}
    from bars
    inner join series on bars.series = series.series
),

-- The climbs after the entry bar, lowest bit first; see `08_own_touches`. They are fewer than the bits of a BIGINT.
bars_with_their_climbs as (
    select
        bars.*
        {%- for side in trades.sides %}
        {%- for reach in side.own %}
        {%- set levels, level = "%s_%d" % (side.name, loop.index), "bars.%s_level_%d" % (side.name, loop.index) %},
        {{ side.sign }}bars.entry_{{ side.extreme }} >= {{ level }} as {{ levels }}_is_here,
        (({{ levels }}.climbs >> bars.place_in_block) >> 1::ubigint)::bigint as {{ levels }}_climbs,
        {{ levels }}.next_bar as {{ levels }}_next
        {%- endfor %}
        {%- endfor %}
    from bars_with_their_levels as bars
    {%- for side in trades.sides %}
    {%- for reach in side.own %}
    {%- set levels, level = "%s_%d" % (side.name, loop.index), "bars.%s_level_%d" % (side.name, loop.index) %}
    left join levels_{{ side.name }} as {{ levels }}
        on
            bars.series = {{ levels }}.series
            and bars.entry_block = {{ levels }}.block
            and {{ level }} = {{ levels }}.level
    {%- endfor %}
    {%- endfor %}
),

bars_with_their_touches as (
    select
        *
        {%- for side in trades.sides %}
        {%- for reach in side.own %}
        {%- set levels = "%s_%d" % (side.name, loop.index) %},
        case
            when {{ levels }}_is_here then bar + 1
            when {{ levels }}_climbs <> 0 then bar + 1 + bit_count(xor({{ levels }}_climbs, {{ levels }}_climbs - 1))
            else {{ levels }}_next
        end as {{ side.name }}_own_{{ loop.index }}
        {%- endfor %}
        {%- endfor %}
    from bars_with_their_climbs
),
{%- endif %}

{%- if has_exits or weighs_overlap %}

-- Narrow rows sort faster than those that carry all that is known of a bar.
horizons as (
    select
        series,
        bar
        {%- for horizon in trades.horizons %},
        horizon_{{ horizon.number }}
        {%- endfor %}
    from bars
),

ends_of_the_paths as (
    select
        horizons.bar
        {%- for horizon in trades.horizons %},
        path_end_{{ horizon.number }}.bar as last_bar_{{ horizon.number }},
        path_end_{{ horizon.number }}.clock as last_clock_{{ horizon.number }}
        {%- endfor %}
    from horizons
    {%- for horizon in trades.horizons %}
    asof left join bars as path_end_{{ horizon.number }}
        on
            {%- if not has_one_symbol %}
            horizons.series = path_end_{{ horizon.number }}.series
            and
            {%- endif %} horizons.horizon_{{ horizon.number }} > path_end_{{ horizon.number }}.clock
    {%- endfor %}
),
{%- endif %}

paths as (
    select
        bars.series,
        bars.bar,
        bars.clock,
        bars.is_wanted,
        {%- if has_asked %}
        bars.is_asked,
        {%- endif %}
        bars.high,
        bars.low,
        {%- if has_levels %}
        bars.open,
        {%- endif %}
        {%- if has_levels or weighs_overlap %}
        bars.close,
        {%- endif %}
        {%- if trades.has_sides %}
        bars.side,
        {%- endif %}
        {%- for distance in trades.own %}
        bars.distance_{{ distance.number }},
        {%- endfor %}
        bars.entry,
        bars.entry_clock
        {%- for horizon in trades.horizons %},
        {%- set path_ends = "least(bars.horizon_%d, rolled_paths.roll_clock)" % horizon.number %}
        {{ "case when not bars.is_late then %s end" % path_ends if may_enter_late else path_ends }} as path_ends_{{ horizon.number }},
        case
            {%- if may_enter_late %}
            when rolled_paths.roll_bar = bars.bar then 'roll'::outcome
            when bars.is_late and bars.entry is not null then 'skipped'::outcome
            {%- endif %}
            when rolled_paths.roll_bar = bars.bar or rolled_paths.roll_clock < bars.horizon_{{ horizon.number }} then 'roll'::outcome
            when bars.entry is null then 'none'::outcome
            when bars.is_cut_short_{{ horizon.number }} then 'censored'::outcome
            {%- if is_flat %}
            when bars.ends_at_close_{{ horizon.number }} then 'close'::outcome
            {%- endif %}
            else 'timeout'::outcome
        end as untouched_{{ horizon.number }}
        {%- if has_exits or weighs_overlap %},
        path_ends.last_bar_{{ horizon.number }},
        path_ends.last_clock_{{ horizon.number }}
        {%- endif %}
        {%- endfor %}
        {%- for mode in trades.modes %}
        {%- if mode.is_shared %},
        trades.touch_bar_{{ mode.number }},
        trades.touch_clock_{{ mode.number }},
        {%- if mode.may_be_skipped %}
        case
            when {{ is_skipped(mode) | indent(12) }} then 'skipped'::outcome
            else trades.touched_{{ mode.number }}
        end as touched_{{ mode.number }}
        {%- else %}
        trades.touched_{{ mode.number }}
        {%- endif %}
        {%- else %}
        {%- for what in ("target", "stop") %},
        {%- if mode.kind_of(what) == "shared" %}
        {%- set touch_bar = "trades.%s_bar_%d" % (what, mode.number) %}
        {%- else %}
        {%- set touch_bar = of_trade(mode, what, own(mode.above), own(mode.below), "bars", "integer") %}
        {%- endif %}
        {%- if what == "stop" and mode.trails %}
        least(
            {{ touch_bar }},
            {{ of_trade(mode, "stop", mode.trail("up"), mode.trail("down"), "bars", "integer") }}
        ) as stop_bar_{{ mode.number }}
        {%- else %}
        {{ touch_bar }} as {{ what }}_bar_{{ mode.number }}
        {%- endif %}
        {%- endfor %}
        {%- if mode.may_be_skipped %},
        {{ is_skipped(mode) }} as is_skipped_{{ mode.number }}
        {%- endif %}
        {%- endif %}
        {%- endfor %}
    from {{ "bars_with_their_touches as bars" if trades.has_own else "bars" }}
    {%- if modes_by_bar | selectattr("percentages") | list %}
    inner join series on bars.series = series.series
    {%- endif %}
    left join rolled_paths on bars.bar = rolled_paths.bar
    {%- if has_exits or weighs_overlap %}
    left join ends_of_the_paths as path_ends on bars.bar = path_ends.bar
    {%- endif %}
    {%- if trades.has_shared %}
    left join lone_bars on bars.bar = lone_bars.bar
    left join trades
        on
            {%- for key in keys %}
            bars.{{ key }} = trades.{{ key }}
            and
            {%- endfor %} {{ block("bars.bar") }} = trades.block
            and coalesce(lone_bars.bar, 0) = trades.lone_bar
    {%- endif %}
    {%- if trades.trailing_sides %}
    left join trails on bars.bar = trails.bar
    {%- endif %}
    {%- if asks_some and not modes_by_bar %}
    where bars.is_asked
    {%- endif %}
),
{%- if modes_by_bar %}

first_touches as (
    select
        *
        {%- for mode in modes_by_bar %}
        {%- set target, stop = "target_bar_%d" % mode.number, "stop_bar_%d" % mode.number %},
        least({{ target }}, {{ stop }}) as touch_bar_{{ mode.number }},
        {%- set skipped = "is_skipped_%d" % mode.number if mode.may_be_skipped %}
        {{ touched(target, stop, skipped) | indent(8) }} as touched_{{ mode.number }}
        {%- endfor %}
    from paths
),

first_touches_in_time as (
    select
        *
        {%- for mode in modes_by_bar %},
        lead(clock, touch_bar_{{ mode.number }} - bar) over in_order as touch_clock_{{ mode.number }}
        {%- endfor %}
    from first_touches
    window in_order as (order by bar)
),
{%- endif %}

decisions as (
    select
        *
        {%- for mode in trades.modes %},
        case
            {%- if mode.may_be_skipped %}
            when touched_{{ mode.number }} = 'skipped' then 'skipped'::outcome
            {%- endif %}
            when touch_clock_{{ mode.number }} < path_ends_{{ mode.horizon }} then touched_{{ mode.number }}
            else untouched_{{ mode.horizon }}
        end as outcome_{{ mode.number }}
        {%- endfor %}
    from {{ "first_touches_in_time" if modes_by_bar else "paths" }}
    {%- if asks_some and modes_by_bar %}
    where is_asked
    {%- endif %}
)

select
    series,
    bar,
    clock,
    is_wanted,
    {%- if has_asked %}
    is_asked,
    {%- endif %}
    high,
    low,
    {%- if has_levels %}
    open,
    {%- endif %}
    {%- if has_levels or weighs_overlap %}
    close,
    {%- endif %}
    {%- if trades.has_sides %}
    side,
    {%- endif %}
    {%- for distance in trades.own %}
    distance_{{ distance.number }},
    {%- endfor %}
    entry,
    entry_clock
    {%- set tie_counts = tie in ("target", "open") or (has_exits and tie == "stop") %}
    {%- set touched_outcomes = (["target", "stop"] if has_exits else ["target"]) + (["both"] if tie_counts else []) %}
    {%- set is_touched = "in ('" ~ touched_outcomes | join("', '") ~ "')" if touched_outcomes | length > 1 else "= 'target'" %}
    {%- for mode in trades.modes %},
    outcome_{{ mode.number }},
    {%- if details and mode.may_be_skipped %}
    coalesce(touched_{{ mode.number }} = 'skipped', false) as is_skipped_{{ mode.number }},
    {%- endif %}
    case
        when not {{ "is_asked" if has_asked else "is_wanted" }} then 0
        when outcome_{{ mode.number }} {{ is_touched }} then touch_bar_{{ mode.number }} - bar
        {%- if has_exits %}
        when outcome_{{ mode.number }} in ({{ unfinished }}) then last_bar_{{ mode.horizon }} - bar
        {%- endif %}
        else 0
    end as path_{{ mode.number }},
    {%- if weighs_overlap %}
    case
        when not is_asked then 0
        when outcome_{{ mode.number }} in ({{ spans }}) then touch_bar_{{ mode.number }} - bar
        when outcome_{{ mode.number }} in ({{ unfinished }}) then last_bar_{{ mode.horizon }} - bar
        else 0
    end as span_{{ mode.number }},
    {%- endif %}
    {%- if mode.trails %}
    greatest(path_{{ mode.number }} - 1, 0) as path_before_{{ mode.number }},
    {%- endif %}
    case
        when outcome_{{ mode.number }} {{ is_touched }} then touch_clock_{{ mode.number }}
        {%- if has_exits %}
        when outcome_{{ mode.number }} in ({{ unfinished }}) then last_clock_{{ mode.horizon }}
        {%- endif %}
    end as decided_{{ mode.number }}
    {%- endfor %}
from decisions;
