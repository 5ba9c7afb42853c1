-- Purpose:    how many events of the chunk have no bar
-- Grain:      one row
-- In:         the file of events; the input files
-- Out:        lone_events
-- Parameters: $events; $files; $chunk_from, $chunk_until (the chunk, half open)
--
-- Bars are many and events few: bars look for their event, so that no bar is remembered.
with
events_by_time as (
    select
        events.timestamp,
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

events_with_a_bar as (
    select distinct
        events.timestamp,
        events.symbol
    from {{ source }} as source
    inner join events_of_the_chunk as events
        on
            {{ clock(time("source")) }} = events.clock
            {%- if events.has_symbol %}
            and {{ symbol_of("source") }}::varchar = events.symbol
            {%- endif %}
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
)

select
    (select count(*) from events_of_the_chunk)
    - (select count(*) from events_with_a_bar) as lone_events;
