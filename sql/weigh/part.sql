-- Purpose:    a part file with its weights made anew; all else in it stays as it is
-- Grain:      one row per bar of the part, in its order
-- In:         a part file with details
-- Out:        a Parquet file of the same columns, with the same tally in its key-value metadata
-- Parameters: $files, the part; $part, the file to write; $decay_rate, $quality_best, $quality_slope, $velocity_best,
--             $velocity_slope, $optimal_seconds, $velocity_span_seconds, $floor; $reference_month (12 * year + month);
--             $grid_N_pattern and $grid_N_increments_per_tick
--
-- The details are all that a weight depends on, as the step had them that made it first. A stop that is no plain
-- number of ticks is held against the move in whole increments, which rounding gives back exactly (below 2^52).
{%- from "label/weight.sql" import decay_of, weight_of %}
set variable tally = (
    select decode(value)
    from parquet_kv_metadata($files)
    where key = 'duck_label_tally'::blob
);

copy (
    with
    clocks as (
        select
            source.*,
            {{ clock(time("source")) }} as duck_label_clock,
            case
                {%- for _ in grids %}
                when coalesce({{ symbol_of("source") }}::varchar, '') glob $grid_{{ loop.index }}_pattern
                    then $grid_{{ loop.index }}_increments_per_tick
                {%- endfor %}
            end::bigint as duck_label_increments
        from read_parquet($files, hive_partitioning = false) as source
    ),

    bars as (
        select
            *,
            {{ decay_of(month_of("duck_label_clock")) | indent(12) }} as duck_label_decay
        from clocks
    )

    select
        * exclude (duck_label_clock, duck_label_increments, duck_label_decay)
        replace (
            {%- for name in milliseconds %}
            {{ name }}::timestamp_ms as {{ name }},
            {%- endfor %}
            {%- for mode in trades.modes %}
            {%- set label = ("label_" ~ mode.name) | identifier %}
            {%- set outcome = ("outcome_" ~ mode.name) | identifier %}
            {%- set against = ("mae_ticks_" ~ mode.name) | identifier %}
            {%- set stop = ("stop_ticks_" ~ mode.name) | identifier %}
            {%- set seconds = ("seconds_" ~ mode.name) | identifier %}
            {%- set worth = ("uniqueness_" ~ mode.name) | identifier %}
            {%- if mode.stop and not mode.stop.is_ticks %}
            {%- set against = "round(%s * duck_label_increments)" % against %}
            {%- set stop = "round(%s * duck_label_increments)" % stop %}
            {%- endif %}
            {%- set is_won = outcome ~ " = 'target'" %}
            {%- set of = (label ~ " is not null", is_won, against, stop if mode.stop, seconds, "duck_label_decay", worth) %}
            {{ weight_of(weight_factors, *of) | indent(12) }}
                as {{ ("weight_" ~ mode.name) | identifier }}{{ "," if not loop.last }}
            {%- endfor %}
        )
    from bars
-- (The linter does not know kv_metadata.)
) to $part ( -- noqa: PRS
    format parquet,
    compression zstd,
    compression_level 2,
    dictionary_size_limit 256,
    row_group_size {{ row_group_rows }},
    kv_metadata {duck_label_tally: getvariable('tally')}
);
