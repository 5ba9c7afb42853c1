-- Purpose:    which symbols have bars in the chunk, and how many
-- Grain:      one row per symbol
-- In:         the input files
-- Out:        temp table `symbols`
-- Parameters: $files; $chunk_from, $chunk_until (the chunk, half open)
create or replace temp table symbols as
select
    {{ symbol_of("source") }} as symbol,
    count(*) as bars
from {{ source }} as source
where
    source.{{ timestamp }} >= {{ moment("chunk_from") }}
    and source.{{ timestamp }} < {{ moment("chunk_until") }}
group by all;
