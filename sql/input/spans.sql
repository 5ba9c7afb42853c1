-- Purpose:    where every symbol of the input begins and ends
-- Grain:      one row per symbol (one in all where the input has no symbols)
-- In:         the input files
-- Out:        temp table `spans`: symbol, first_time, last_time, bars
-- Parameters: $files
create or replace temp table spans as
select
    {{ symbol_of("source") }} as symbol,
    min({{ time("source") }}) as first_time,
    max({{ time("source") }}) as last_time,
    count(*) as bars
from {{ source }} as source
where {{ time("source") }} is not null
group by {{ symbol_of("source") }};
