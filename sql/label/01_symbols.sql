-- Purpose:    which symbols have bars in the chunk, and how many
-- Grain:      one row per symbol
-- In:         the input files; `spans`
-- Out:        temp table `symbols`
-- Parameters: $files; $chunk_from, $chunk_until (the chunk, half open)
create or replace temp table symbols as
select
    {{ "spans.symbol" if has_one_symbol else symbol_of("source") }} as symbol,
    count(*) as bars
from {{ source }} as source
{%- if has_one_symbol %}
cross join spans
{%- endif %}
where
    {{ time("source") }} >= {{ moment("chunk_from") }}
    and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
group by all;
