-- Purpose:    how far each trade moved on its path, and from that its label and weight
-- Grain:      one row per bar of the chunk
-- In:         `outcomes`, `series`
-- Out:        temp table `labels`: series, bar, clock, the output columns of every mode, and for the
--             tally of mode N `tally_outcome_N` and, where it wins, `tally_mae_N` in price increments and
--             `tally_clocks_N`, the clock units from entry to target
-- Parameters: $mode_N_stop in ticks; $decay_rate, $quality_best, $quality_slope, $velocity_best, $velocity_slope,
--             $optimal_seconds, $velocity_span_seconds, $floor; $reference_month (12 * year + month);
--             $clocks_per_second
--
-- A frame that starts at the entry bar and ends at the deciding bar holds exactly the path. Weights are computed
-- in double and rounded to FLOAT once; they stay above zero even where the decay is too small for a FLOAT.
create or replace temp table labels as
with
excursions as (
    select
        *
        {%- for mode in modes %}
        {%- set path %}over (
            order by series, bar rows between 1 following and path_{{ loop.index }} following
        )
        {%- endset %}
        {%- if details or mode.direction == "long" %},
        min(low) {{ path }} as lowest_{{ loop.index }}
        {%- endif %}
        {%- if details or mode.direction == "short" %},
        max(high) {{ path }} as highest_{{ loop.index }}
        {%- endif %}
        {%- endfor %}
    from outcomes
),

measured_trades as (
    select
        excursions.series,
        excursions.bar,
        excursions.clock,
        exp(
            -$decay_rate::double
            * greatest(0, $reference_month::bigint - {{ month_of("clock") }})
        ) as decay
        {%- for mode in modes %}
        {%- set fall = "greatest(0, entry - lowest_%d)" % loop.index %}
        {%- set rise = "greatest(0, highest_%d - entry)" % loop.index %}
        {%- set against = fall if mode.direction == "long" else rise %},
        outcome_{{ loop.index }},
        case
            when outcome_{{ loop.index }} = 'target' then {{ against }}
        end as mae_{{ loop.index }},
        case
            when outcome_{{ loop.index }} = 'target' then decided_{{ loop.index }} - entry_clock
        end as clocks_{{ loop.index }},
        decided_{{ loop.index }},
        (decided_{{ loop.index }} - entry_clock) / $clocks_per_second::double as seconds_{{ loop.index }},
        case
            when path_{{ loop.index }} > 0 then {{ against }} / increments_per_tick
        end as mae_ticks_{{ loop.index }}
        {%- if details %},
        case
            when path_{{ loop.index }} > 0 then {{ rise if mode.direction == "long" else fall }} / increments_per_tick
        end as mfe_ticks_{{ loop.index }}
        {%- endif %}
        {%- endfor %}
    from excursions
    inner join series using (series)
    where excursions.is_wanted
),

qualities_and_velocities as (
    select
        *
        {%- for _ in modes %},
        $quality_best::double
        - $quality_slope::double * mae_ticks_{{ loop.index }} / $mode_{{ loop.index }}_stop::double
            as quality_{{ loop.index }},
        $velocity_best::double
        - $velocity_slope::double
        * (seconds_{{ loop.index }} - $optimal_seconds::double)
        / $velocity_span_seconds::double
            as velocity_{{ loop.index }}
        {%- endfor %}
    from measured_trades
),

weights as (
    select
        *
        {%- for _ in modes %},
        case
            when outcome_{{ loop.index }} = 'target'
                then
                    least($quality_best::double, greatest($floor::double, quality_{{ loop.index }}))
                    * least($velocity_best::double, greatest($floor::double, velocity_{{ loop.index }}))
                    * decay
            else decay
        end as weight_{{ loop.index }}
        {%- endfor %}
    from qualities_and_velocities
)

select
    series,
    bar,
    clock
    {%- for mode in modes %},
    outcome_{{ loop.index }} as tally_outcome_{{ loop.index }},
    mae_{{ loop.index }} as tally_mae_{{ loop.index }},
    clocks_{{ loop.index }} as tally_clocks_{{ loop.index }},
    {%- set known = "outcome_%d not in ('roll', 'censored', 'none')" % loop.index if unresolved_is_null else "true" %}
    case
        when {{ known }} then outcome_{{ loop.index }} = 'target'
    end::tinyint as {{ ("label_" ~ mode.name) | identifier }},
    case
        when {{ known }} then greatest(weight_{{ loop.index }}, 1.1754943508222875e-38)
    end::float as {{ ("weight_" ~ mode.name) | identifier }}
    {%- if details %},
    outcome_{{ loop.index }} as {{ ("outcome_" ~ mode.name) | identifier }},
    mae_ticks_{{ loop.index }} as {{ ("mae_ticks_" ~ mode.name) | identifier }},
    mfe_ticks_{{ loop.index }} as {{ ("mfe_ticks_" ~ mode.name) | identifier }},
    seconds_{{ loop.index }} as {{ ("seconds_" ~ mode.name) | identifier }},
    {{ time_of("decided_%d" % loop.index) }} as {{ ("touch_time_" ~ mode.name) | identifier }}
    {%- endif %}
    {%- endfor %}
from weights;

drop view outcomes;
drop table bars;
drop table rolled_paths;
drop table lone_bars;
drop table trades;
