-- Purpose:    the part file of one chunk
-- Grain:      one row per bar of the chunk, or per bar that is asked, ordered by symbol and time
-- In:         the input files; `series`; `moves`; `worths`, where overlap counts; the variable `tally`
-- Out:        a Parquet file: every input column under its own name and type, then the output columns; its
--             key-value metadata holds the tally as `duck_label_tally`
-- Parameters: $files; $chunk_from, $chunk_until; $part; $mode_N_stop in ticks; $quality_best, $quality_slope,
--             $velocity_best, $velocity_slope, $optimal_seconds, $velocity_span_seconds, $floor; $clocks_per_second
--
-- The input is read again here, so that columns nobody computes with never lie in memory; symbol and time
-- identify a bar, the time alone where there is one symbol. Where labels lie in the order of the rows that the bars
-- were read from, each is written beside the row at its place, without a join or a sort. Had rows lain in another order
-- where a step took them for the bars one after the other, labels would lie in that order too: labels that are not of
-- the row's own time are an error, upon which the chunk is labeled anew.
--
-- Labels of a row group have few values, prices some and weights many: a dictionary of these would cost time and space.
-- Level 2 of zstd takes a fifth less time than the usual 3, for parts at most a fifteenth larger.

{%- from "label/label.sql" import is_known, label_of, settled, wins with context %}
{%- from "label/weight.sql" import weight_of %}

{%- set series = the_series if has_one_symbol else "series" %}

{#- The weight of a mode. -#}
{%- macro weight(mode, touched) -%}
{%- set mae, stop = "moves.mae_%d" % mode.number, "moves.stop_%d" % mode.number -%}
{%- if mode.stop and mode.stop.is_ticks -%}
{%- set mae, stop = "(%s / %s.increments_per_tick)" % (mae, series), "$mode_%d_stop::double" % mode.number -%}
{%- endif -%}
{%- set seconds = "moves.clocks_%d / $clocks_per_second::double" % mode.number -%}
{%- set uniqueness = "worths." ~ ("uniqueness_" ~ mode.name) | identifier -%}
{{ weight_of(weight_factors, is_known(mode, touched), wins(touched), mae, stop if mode.stop, seconds, "moves.decay", uniqueness) }}
{%- endmacro %}

{#- A column of the output. -#}
{%- macro output(kind, mode) -%}
{%- set touched, gain = "moves.touched_%d" % mode.number, "moves.gain_%d" % mode.number -%}
{%- set column = (kind ~ "_" ~ mode.name) | identifier -%}
{%- if kind == "label" -%}
{{ label_of(mode, settled(touched), gain, touched) }}
{%- elif kind == "weight" -%}
{{ weight(mode, touched) }}
{%- elif kind in ("uniqueness", "attribution") -%}
worths.{{ column }}
{%- else -%}
moves.{{ column }}
{%- endif -%}
{%- endmacro %}

{#- Whether a row of the input is in the chunk. -#}
{%- macro is_in_the_chunk() -%}
{{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
{%- endmacro %}
copy (
    with
    {%- if by_place %}
    rows_of_the_chunk as (
        select source.*
        from {{ source }} as source
        where
            {{ is_in_the_chunk() | indent(4) }}
    )
    {%- else %}
    labels as (
        select
            moves.series,
            moves.bar,
            moves.clock
            {%- for mode in trades.modes %}
            {%- for kind in output_kinds %},
            {{ output(kind, mode) | indent(12) }} as {{ (kind ~ "_" ~ mode.name) | identifier }}
            {%- endfor %}
            {%- endfor %}
        from moves
        {%- if not has_one_symbol %}
        inner join series on moves.series = series.series
        {%- endif %}
        {%- if weighs_overlap %}
        left join worths on moves.bar = worths.bar
        {%- endif %}
    )
    {%- endif %}

    select
        {%- for column in passed_on %}
        {{ column }},
        {%- endfor %}
        {%- for mode in trades.modes %}
        {%- set is_first = loop.first %}
        {%- for kind in output_kinds %}
        {%- set column = (kind ~ "_" ~ mode.name) | identifier %}
        {%- if by_place and is_first and loop.first %}
        case
            when
                moves.clock = {{ clock(time("source")) }}
                {%- if weighs_overlap %}
                and worths.clock = moves.clock
                {%- endif %}
                then {{ output(kind, mode) | indent(16) }}
            else error('{{ out_of_place }}')
        end as {{ column }}
        {%- elif by_place %}
        {{ output(kind, mode) | indent(8) }} as {{ column }}
        {%- elif kind == "outcome" and is_outer %}
        coalesce(labels.{{ column }}, 'skipped') as {{ column }}
        {%- else %}
        labels.{{ column }}
        {%- endif %}
        {{- "," if not loop.last }}
        {%- endfor %}
        {{- "," if not loop.last }}
        {%- endfor %}
    {%- if by_place %}
    from rows_of_the_chunk as source
    positional join moves
    {%- if weighs_overlap %}
    positional join worths
    {%- endif %}
    {%- else %}
    from {{ source }} as source
    {%- if not has_one_symbol %}
    inner join series on {{ symbol_of("source") }} = series.symbol
    {%- endif %}
    {{ "left" if is_outer else "inner" }} join labels
        on
            {{ clock(time("source")) }} = labels.clock
            {%- if not has_one_symbol %}
            and series.series = labels.series
            {%- endif %}
    where
        {{ is_in_the_chunk() }}
    {%- if not is_outer %}
    order by labels.bar
    {%- elif has_one_symbol %}
    order by {{ clock(time("source")) }}
    {%- else %}
    order by series.series, {{ clock(time("source")) }}
    {%- endif %}
    {%- endif %}
-- (The linter does not know kv_metadata.)
) to $part ( -- noqa: PRS
    format parquet, compression zstd, compression_level 2, dictionary_size_limit 256, kv_metadata {duck_label_tally: getvariable('tally')}
);
