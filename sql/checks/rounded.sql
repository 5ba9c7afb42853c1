-- Purpose:    how many prices off the grid are taken for the nearest level
-- Grain:      one row per symbol and month that has such prices
-- In:         the input files; `grids`
-- Out:        symbol, month (12 * year + month, UTC), prices
-- Parameters: $files
{%- from "checks/rules.sql" import rows_on_trial with context %}
with
{{ rows_on_trial(source, []) }}

select
    symbol::varchar as symbol,
    {{ month_of(clock("bar_time")) }} as month,
    sum(
        {%- for price in prices %}
        {{ "+ " if not loop.first }}{{ price }}_is_off::integer
        {%- endfor %}
    )::bigint as prices
from rows_on_trial
group by all
having prices > 0
order by symbol, month
