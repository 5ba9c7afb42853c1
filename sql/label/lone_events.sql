-- Purpose:    how many events of the chunk have no bar
-- Grain:      one row
-- In:         the file of events; `bars`, where the chunk has any
-- Out:        lone_events
-- Parameters: $events; $chunk_from, $chunk_until (the chunk, half open)
--
-- Events without a symbol ask for the bars of all symbols: one that finds several is no more than one that finds one.
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
    where
        -- What lets row groups be passed over holds also for events just outside: those in whole seconds, where a
        -- chunk begins or ends within one, and the one at its end. An event between two clocks has none.
        coalesce(
            clock >= {{ clock(moment("chunk_from")) }} and clock < {{ clock(moment("chunk_until")) }},
            true
        )
)
{%- if has_bars %},

events_with_a_bar as (
    select distinct
        clock
        {%- if events.has_symbol %},
        series
        {%- endif %}
    from bars
    where is_wanted and {{ "is_event" if asks_inside else "is_asked" }}
)
{%- endif %}

select
    (select count(*) from events_of_the_chunk)
    {%- if has_bars %}
    - (select count(*) from events_with_a_bar)
    {%- endif %} as lone_events;
