-- Purpose:    how often the bars, as the files have them, break the order by time or by symbol
-- Grain:      one row
-- In:         the input files
-- Out:        breaks_by_time (and symbol), breaks_by_symbol (and time); the first bar breaks both
-- Parameters: $files
--
-- Bars of which each comes after the one before it, in either order, have no duplicates. That is seen in a tenth of
-- the time that grouping them takes, and whatever order the rows are read in, the conclusion is sound. Of one symbol
-- there is one order, by time.
with
neighbours as (
    select
        {{ time("source") }} as bar_time,
        lag({{ time("source") }}) over () as previous_time
        {%- if has_symbols %},
        {{ symbol_of("source") }} as symbol,
        lag({{ symbol_of("source") }}) over () as previous_symbol
        {%- endif %}
    from {{ source }} as source
)

select
    {%- if has_symbols %}
    count(*) - count_if(bar_time > previous_time or (bar_time = previous_time and symbol > previous_symbol))
        as breaks_by_time,
    count(*) - count_if(symbol > previous_symbol or (symbol = previous_symbol and bar_time > previous_time))
        as breaks_by_symbol
    {%- else %}
    count(*) - count_if(bar_time > previous_time) as breaks_by_time,
    breaks_by_time as breaks_by_symbol
    {%- endif %}
from neighbours
