-- Purpose:    how often the bars, as the files have them, break the order by time or by symbol
-- Grain:      one row
-- In:         the input files
-- Out:        breaks_by_time (and symbol), breaks_by_symbol (and time); the first bar breaks both
-- Parameters: $files
--
-- Bars of which each comes after the one before it, in either order, have no duplicates. That is seen in a tenth of
-- the time that grouping them takes, and whatever order the rows are read in, the conclusion is sound. Where there is
-- one symbol, it is not read.
{%- set symbol = symbol_of("source") if has_symbols else "''" %}
with
neighbours as (
    select
        {{ time("source") }} as bar_time,
        lag({{ time("source") }}) over () as previous_time,
        {{ symbol }} as symbol,
        lag({{ symbol }}) over () as previous_symbol
    from {{ source }} as source
)

select
    count(*) - count_if(bar_time > previous_time or (bar_time = previous_time and symbol > previous_symbol))
        as breaks_by_time,
    count(*) - count_if(symbol > previous_symbol or (symbol = previous_symbol and bar_time > previous_time))
        as breaks_by_symbol
from neighbours
