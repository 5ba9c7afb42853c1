-- Purpose:    how far each trade moved on its path, where it ended, and from that its label and weight (by place, these
--             are reckoned when they are written)
-- Grain:      `labels`: one row per bar of the chunk that is asked
-- In:         `outcomes`, `series`; `worths`, where these weigh too
-- Out:        temp table `labels`: series, bar, clock, the output columns of every mode, and for the tally of
--             mode N `tally_outcome_N` (`both` where one bar touched both barriers; where it is told by the open what
--             becomes of it, that, and `tally_is_tied_N`) and, where it wins, `tally_mae_N` in price increments and
--             `tally_clocks_N`, the clock units from entry to target; with exits `tally_gain_N` in price
--             increments
-- Parameters: $mode_N_stop in ticks; $decay_rate, $quality_best, $quality_slope, $velocity_best, $velocity_slope,
--             $optimal_seconds, $velocity_span_seconds, $floor; $reference_month (12 * year + month);
--             $clocks_per_second; $distance_N_numerator and $distance_N_denominator for barriers in percent
{%- from "label/distances.sql" import distance_of %}
{#- By place, `stop_N` is the distance to the stop of a winner, in price increments, where it is not told in ticks. -#}
{%- from "label/excursions.sql" import excursions_of with context %}
{%- from "label/label.sql" import is_known, label_of, settled with context %}
{%- from "label/weight.sql" import decay_of, weight_of %}
{%- set has_levels = has_exits or breaks_ties_by_open %}
{#- Where rows lie in order, nothing may hold a few of them back, as joins do. -#}
{%- set series = the_series if by_place else "series" %}

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
create or replace temp table labels as
with
{{ excursions_of(trades.modes, has_levels) | trim }},
{%- if has_levels %}

-- Where barriers lie, and where the deciding bar opens, as a long trade sees it.
levels as (
    select
        {{ "*" if by_place else "excursions.*" }}
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
    {%- if not by_place %}
    inner join series using (series)
    {%- endif %}
    where is_wanted
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
),
{%- if has_exits %}

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
),
{%- endif %}

measured_trades as (
    select
        series,
        bar,
        clock,
        {{ decay_of(month_of("clock")) | indent(8) }} as decay
        {%- for mode in trades.modes %}
        {%- set number = mode.number %}
        {%- set fall = "greatest(0, entry - lowest_%d)" % number %}
        {%- set rise = "greatest(0, highest_%d - entry)" % number %}
        {%- set against, forth = by_direction(mode, fall, rise), by_direction(mode, rise, fall) %},
        outcome_{{ number }},
        touched_{{ number }},
        {%- if weighs_by_overlap %}
        {{ ("uniqueness_" ~ mode.name) | identifier }} as uniqueness_{{ number }},
        {%- endif %}
        case
            when outcome_{{ number }} = 'target' then {{ against }}
        end as mae_{{ number }},
        case
            when outcome_{{ number }} = 'target' then decided_{{ number }} - entry_clock
        end as clocks_{{ number }},
        decided_{{ number }},
        (decided_{{ number }} - entry_clock) / $clocks_per_second::double as seconds_{{ number }},
        case
            when path_{{ number }} > 0
                then
                    {{ against }}
                    / {{ series }}.increments_per_tick
        end as mae_ticks_{{ number }}
        {%- if mode.stop and not mode.stop.is_ticks %},
        case
            when outcome_{{ number }} = 'target' then {{ distance_of(mode.stop, series, none) }}
        end as stop_{{ number }}
        {%- endif %}
        {%- if has_exits %},
        exit_level_{{ number }} - {{ mirrored(mode, "entry") }} as gain_{{ number }}
        {%- endif %}
        {%- if details %},
        case
            when path_{{ number }} > 0
                then
                    {{ forth }}
                    / {{ series }}.increments_per_tick
        end as mfe_ticks_{{ number }},
        ({{ mirrored(mode, "exit_level_%d::hugeint" % number) }} * {{ series }}.increment_numerator)::double
        / {{ series }}.increment_denominator
            as exit_price_{{ number }},
        (exit_level_{{ number }} - {{ mirrored(mode, "entry") }}) / {{ series }}.increments_per_tick
            as return_ticks_{{ number }}
        {%- for name, distance in (("stop", mode.stop), ("target", mode.target)) %},
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
        end as {{ name }}_ticks_{{ number }}
        {%- else %}
        null::double as {{ name }}_ticks_{{ number }}
        {%- endif %}
        {%- endfor %}
        {%- endif %}
        {%- endfor %}
    from {{ "exits" if has_exits else "decided_trades" }}
    {%- if not by_place %}
    inner join series using (series)
    {%- endif %}
    {%- if weighs_by_overlap %}
    left join worths using (series, bar, clock)
    {%- endif %}
    where is_wanted
)

select
    series,
    bar,
    clock
    {%- if by_place %},
    decay
    {%- endif %}
    {%- for mode in trades.modes %}
    {%- set outcome = "outcome_%d" % mode.number %},
    {%- if breaks_ties_by_open %}
    {{ outcome }} as tally_outcome_{{ mode.number }},
    touched_{{ mode.number }} = 'both' as tally_is_tied_{{ mode.number }},
    {%- else %}
    touched_{{ mode.number }} as tally_outcome_{{ mode.number }},
    {%- endif %}
    mae_{{ mode.number }} as tally_mae_{{ mode.number }},
    clocks_{{ mode.number }} as tally_clocks_{{ mode.number }}
    {%- if has_exits %},
    gain_{{ mode.number }} as tally_gain_{{ mode.number }}
    {%- endif %}
    {%- if not by_place or label == "sign" %},
    {{ label_of(mode, outcome, "gain_%d" % mode.number) | indent(4) }} as {{ ("label_" ~ mode.name) | identifier }}
    {%- endif %}
    {%- if by_place and mode.stop and not mode.stop.is_ticks %},
    stop_{{ mode.number }}
    {%- elif not by_place %},
    {%- set mae, stop = "mae_%d" % mode.number, "stop_%d" % mode.number %}
    {%- if mode.stop and mode.stop.is_ticks %}
    {%- set mae, stop = "mae_ticks_%d" % mode.number, "$mode_%d_stop::double" % mode.number %}
    {%- endif %}
    {{ weight_of(weight_factors, is_known(mode, outcome), outcome ~ " = 'target'", mae, stop if mode.stop, "seconds_%d" % mode.number, "decay", "uniqueness_%d" % mode.number) | indent(4) }}
        as {{ ("weight_" ~ mode.name) | identifier }}
    {%- endif %}
    {%- if details %},
    {{ outcome }} as {{ ("outcome_" ~ mode.name) | identifier }},
    {%- for detail in ("mae_ticks", "mfe_ticks", "seconds") %}
    {{ detail }}_{{ mode.number }} as {{ (detail ~ "_" ~ mode.name) | identifier }},
    {%- endfor %}
    {{ time_of("decided_%d" % mode.number) }} as {{ ("touch_time_" ~ mode.name) | identifier }},
    {%- for detail in ("exit_price", "return_ticks", "stop_ticks", "target_ticks") %}
    {{ detail }}_{{ mode.number }} as {{ (detail ~ "_" ~ mode.name) | identifier }}{{ "," if not loop.last }}
    {%- endfor %}
    {%- endif %}
    {%- endfor %}
from measured_trades;

drop {{ "table" if has_asked else "view" }} outcomes;
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
