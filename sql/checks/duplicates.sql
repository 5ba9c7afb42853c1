-- Purpose:    symbols and times that more than one bar of a range of dates claims
-- Grain:      one row per symbol and time: a clean input returns none
-- In:         the input files
-- Out:        rows added to temp table `duplicates` (symbol, bar_time)
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open)
insert into duplicates
select
    {{ symbol_of("source") }} as symbol,
    {{ time("source") }} as bar_time
from {{ source }} as source
where
    {{ time("source") }} >= {{ moment("chunk_from") }}
    and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
    {%- if has_symbol %}
    and {{ symbol_of("source") }} is not null
    {%- endif %}
group by all
having count(*) > 1;
