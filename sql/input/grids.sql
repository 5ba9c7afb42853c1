-- Purpose:    the price grid of every symbol of the input, and its distances of barriers in ticks and points
-- Grain:      one row per symbol (one in all where the input has no symbols; a null symbol takes the default)
-- In:         the input files
-- Out:        temp table `grids`
-- Parameters: $files; $grid_N_…, one price grid per instrument pattern: the first that matches a symbol holds
create or replace temp table grids as
with
patterns (
    priority,
    pattern,
    numerator,
    denominator,
    increments_per_tick,
    roll_gap,
    increment_numerator,
    increment_denominator
    {%- for distance in trades.fixed %},
    distance_{{ distance.number }}
    {%- endfor %}
) as (
    values
    {%- for _ in grids %}
    (
        {{ loop.index }},
        $grid_{{ loop.index }}_pattern::varchar,
        $grid_{{ loop.index }}_numerator::bigint,
        $grid_{{ loop.index }}_denominator::bigint,
        $grid_{{ loop.index }}_increments_per_tick::bigint,
        $grid_{{ loop.index }}_roll_gap::bigint,
        $grid_{{ loop.index }}_increment_numerator::bigint,
        $grid_{{ loop.index }}_increment_denominator::bigint
        {%- set grid = loop.index %}
        {%- for distance in trades.fixed %},
        $grid_{{ grid }}_distance_{{ distance.number }}::bigint
        {%- endfor %}
    ){{ "," if not loop.last }}
    {%- endfor %}
),

symbols as (
    {%- if has_symbol %}
    select distinct {{ symbol_of("source") }} as symbol
    from {{ source }} as source
    {%- else %}
    select '' as symbol
    {%- endif %}
)

select
    symbols.symbol,
    patterns.* exclude (priority)
from symbols
inner join patterns on coalesce(symbols.symbol::varchar, '') glob patterns.pattern
qualify row_number() over (partition by symbols.symbol order by patterns.priority) = 1;
