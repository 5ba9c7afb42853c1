-- Purpose:    the symbols and times of a range of dates that only rows claim which are equal in every column
-- Grain:      one row per symbol and time
-- In:         the input files; `duplicates`
-- Out:        temp table `repeats` (symbol, bar_time)
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open)
create or replace temp table repeats as
select
    duplicates.symbol,
    duplicates.bar_time
from {{ source }} as source
inner join duplicates
    on {{ time("source") }} = duplicates.bar_time and {{ symbol_of("source") }} = duplicates.symbol
where
    {{ time("source") }} >= {{ moment("chunk_from") }}
    and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
group by all
having
    count(distinct row(
        {%- for column in input_columns %}
        source.{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    )) = 1;
