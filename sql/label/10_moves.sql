-- Purpose:    how far each trade moved on its path, and where it ended: what its label and weight follow from
-- Grain:      `moves`: one row per bar of the chunk that is asked; where overlap counts, of its margins too
-- In:         `outcomes`, `series`
-- Out:        temp table `moves`: series, bar, clock, `decay`, the columns of details, and for mode N
--             `touched_N` (`both` where one bar touched both barriers; where it is told by the open what becomes
--             of it, that, and `is_tied_N`) and, where it wins, `mae_N` in price increments,
--             `clocks_N`, the clock units from entry to target, and `stop_N`, the distance to a stop that is not
--             told in ticks, in price increments; with exits `gain_N` in price increments; where overlap counts
--             `is_wanted`, `close`, `entry` and `span_N`, see `09_outcomes`
-- Parameters: $decay_rate; $reference_month (12 * year + month); $mode_N_stop and $mode_N_target in ticks;
--             $clocks_per_second; $distance_N_numerator and $distance_N_denominator for barriers in percent
{%- from "label/distances.sql" import distance_of %}
{%- from "label/excursions.sql" import excursions_of with context %}
{%- from "label/label.sql" import settled with context %}
{%- from "label/weight.sql" import decay_of %}
{%- set has_levels = has_exits or breaks_ties_by_open %}
{#- Where rows may lie in order, nothing may hold a few of them back, as joins do. -#}
{%- set series = the_series if has_one_symbol else "series" %}

{#- What a long and a short trade call by one name, for the trades of a mode. -#}
{%- macro by_direction(mode, for_long, for_short) -%}
{%- if mode.direction == "side" -%}
by_side(side, {{ for_long }}, {{ for_short }})
{%- else -%}
{{ for_long if mode.direction == "long" else for_short }}
{%- endif -%}
{%- endmacro %}

{#- A price as a long trade sees it: a short one is a long one in the mirror. -#}
{%- macro mirrored(mode, price) -%}
{{ {"long": "", "short": "-", "side": "side * "}[mode.direction] }}{{ price }}
{%- endmacro %}
create or replace temp table moves as
with
{{ excursions_of(trades.modes, has_levels) | trim }},
{%- if has_levels %}

-- Where barriers lie, and where the deciding bar opens, as a long trade sees it.
levels as (
    select
        {{ "*" if has_one_symbol else "excursions.*" }}
        {%- for mode in trades.modes %}
        {%- set number = mode.number %}
        {%- set entry = mirrored(mode, "entry") %}
        {%- if mode.target %},
        {{ entry }}
        + {{ distance_of(mode.target, series, none) }} as target_level_{{ number }}
        {%- endif %}
        {%- if mode.trails %}
        {%- set best = by_direction(mode, "highest_before_%d" % number, "-lowest_before_%d" % number) %},
        greatest({{ entry }}, {{ best }})
        - {{ distance_of(mode.stop, series, none) }} as stop_level_{{ number }}
        {%- elif mode.stop %},
        {{ entry }}
        - {{ distance_of(mode.stop, series, none) }} as stop_level_{{ number }}
        {%- endif %},
        {{ mirrored(mode, "last_open_%d" % number) }} as open_level_{{ number }}
        {%- endfor %}
    from excursions
    {%- if not has_one_symbol %}
    inner join series using (series)
    {%- endif %}
    {%- if not weighs_overlap %}
    where is_wanted
    {%- endif %}
),
{%- endif %}

-- Where one bar touches both barriers, the rule for ties decides. By the open it decides for the barrier at or beyond
-- which the bar opens, else for that nearer to its open.
decided_trades as (
    select
        *{% if tie != "null" and trades.may_tie %} replace (
            {%- for mode in trades.modes if mode.may_tie %}
            {%- if tie == "open" %}
            {%- set open, target = "open_level_%d" % mode.number, "target_level_%d" % mode.number %}
            {%- set room_to_stop = "%s - stop_level_%d" % (open, mode.number) %}
            case
                when outcome_{{ mode.number }} <> 'both' then outcome_{{ mode.number }}
                when
                    {{ room_to_stop }} > 0
                    and ({{ open }} >= {{ target }} or {{ target }} - {{ open }} < {{ room_to_stop }})
                    then 'target'::outcome
                else 'stop'::outcome
            end as outcome_{{ mode.number }}
            {%- else %}
            {{ settled("outcome_%d" % mode.number) }} as outcome_{{ mode.number }}
            {%- endif %}
            {{- "," if not loop.last }}
            {%- endfor %}
        ){% endif %}
        {%- for mode in trades.modes %},
        outcome_{{ mode.number }} as touched_{{ mode.number }}
        {%- endfor %}
    from {{ "levels" if has_levels else "excursions" }}
)
{%- if has_exits %},

exits as (
    select
        *
        {%- for mode in trades.modes %}
        {%- set number = mode.number %},
        case
            {%- if mode.target %}
            when outcome_{{ number }} = 'target' then target_level_{{ number }}
            {%- endif %}
            {%- if mode.stop %}
            when outcome_{{ number }} = 'stop' then least(stop_level_{{ number }}, open_level_{{ number }})
            {%- endif %}
            when path_{{ number }} > 0 then {{ mirrored(mode, "last_close_%d" % number) }}
        end as exit_level_{{ number }}
        {%- endfor %}
    from decided_trades
)
{%- endif %}

select
    series,
    bar,
    clock,
    {{ decay_of(month_of("clock")) | indent(4) }} as decay
    {%- if weighs_overlap %},
    is_wanted,
    close,
    entry
    {%- endif %}
    {%- for mode in trades.modes %}
    {%- set number = mode.number %}
    {%- set fall = "greatest(0, entry - lowest_%d)" % number %}
    {%- set rise = "greatest(0, highest_%d - entry)" % number %}
    {%- set against, forth = by_direction(mode, fall, rise), by_direction(mode, rise, fall) %},
    {%- if breaks_ties_by_open %}
    outcome_{{ number }} as touched_{{ number }},
    touched_{{ number }} = 'both' as is_tied_{{ number }},
    {%- else %}
    touched_{{ number }},
    {%- endif %}
    {%- if weighs_overlap %}
    span_{{ number }},
    {%- endif %}
    case
        when outcome_{{ number }} = 'target' then {{ against }}
    end as mae_{{ number }},
    case
        when outcome_{{ number }} = 'target' then decided_{{ number }} - entry_clock
    end as clocks_{{ number }}
    {%- if mode.stop and not mode.stop.is_ticks %},
    case
        when outcome_{{ number }} = 'target' then {{ distance_of(mode.stop, series, none) }}
    end as stop_{{ number }}
    {%- endif %}
    {%- if has_exits %},
    exit_level_{{ number }} - {{ mirrored(mode, "entry") }} as gain_{{ number }}
    {%- endif %}
    {%- if details %},
    outcome_{{ number }} as {{ ("outcome_" ~ mode.name) | identifier }},
    {%- for name, move in (("mae_ticks_", against), ("mfe_ticks_", forth)) %}
    case
        when path_{{ number }} > 0
            then
                {{ move }}
                / {{ series }}.increments_per_tick
    end as {{ (name ~ mode.name) | identifier }},
    {%- endfor %}
    (decided_{{ number }} - entry_clock) / $clocks_per_second::double as {{ ("seconds_" ~ mode.name) | identifier }},
    {{ time_of("decided_%d" % number) }} as {{ ("touch_time_" ~ mode.name) | identifier }},
    ({{ mirrored(mode, "exit_level_%d::hugeint" % number) }} * {{ series }}.increment_numerator)::double
    / {{ series }}.increment_denominator
        as {{ ("exit_price_" ~ mode.name) | identifier }},
    (exit_level_{{ number }} - {{ mirrored(mode, "entry") }}) / {{ series }}.increments_per_tick
        as {{ ("return_ticks_" ~ mode.name) | identifier }}
    {%- for name, distance in (("stop", mode.stop), ("target", mode.target)) %},
    {%- set column = (name ~ "_ticks_" ~ mode.name) | identifier %}
    {%- if distance %}
    case
        when entry_clock is not null {{- " and not is_skipped_%d" % number if mode.may_be_skipped }}
            {%- if distance.is_ticks %}
            then $mode_{{ number }}_{{ name }}::double
            {%- else %}
            then
                {{ distance_of(distance, series, none) }}
                / {{ series }}.increments_per_tick
            {%- endif %}
    end as {{ column }}
    {%- else %}
    null::double as {{ column }}
    {%- endif %}
    {%- endfor %}
    {%- endif %}
    {%- endfor %}
from {{ "exits" if has_exits else "decided_trades" }}
{%- if not has_one_symbol %}
inner join series using (series)
{%- endif %}
{%- if not weighs_overlap %}
where is_wanted
{%- endif %};

drop {{ "table" if asks_some else "view" }} outcomes;
{%- if not asks_some %}
drop table bars;
{%- endif %}
drop table rolled_paths;
{%- if trades.has_shared %}
drop table lone_bars;
drop table trades;
{%- endif %}
{%- for side in trades.sides %}
{%- if side.own %}
drop table levels_{{ side.name }};
{%- endif %}
{%- endfor %}
{%- if trades.trailing_sides %}
drop table trails;
{%- endif %}
