-- Purpose:    how many events of the chunk have no bar
-- Grain:      one row
-- In:         the file of events; the input files
-- Out:        lone_events
-- Parameters: $events; $files; $chunk_from, $chunk_until (the chunk, half open)
with
events_by_time as (
    select
        {{ event_clock }} as clock,
        {{ "events.symbol::varchar" if events.has_symbol else "''" }} as symbol
    from read_parquet($events) as events
    where {{ events.within("chunk_from", "chunk_until") }}
    group by events.timestamp, symbol
),

events_of_the_chunk as (
    select *
    from events_by_time
    where coalesce(clock < {{ clock(moment("chunk_until")) }}, true)
),

bars_of_the_chunk as (
    select distinct
        {{ clock(time("source")) }} as clock,
        {{ symbol_of("source") ~ "::varchar" if events.has_symbol else "''" }} as symbol
    from {{ source }} as source
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
)

select count(*) as lone_events
from events_of_the_chunk
anti join bars_of_the_chunk using (clock, symbol);
