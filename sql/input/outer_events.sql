-- Purpose:    how many events of a file lie before or after all bars
-- Grain:      one row
-- In:         the file of events
-- Out:        outer_events; equal ones count once
-- Parameters: $events; $begin, $until (the range of the bars, half open)
with
events_by_time as (
    select
        {{ event_clock }} as clock,
        {{ "events.symbol::varchar" if events.has_symbol else "''" }} as symbol
    from read_parquet($events) as events
    group by events.timestamp, symbol
)

select count(*) as outer_events
from events_by_time
where clock < {{ clock(moment("begin")) }} or clock >= {{ clock(moment("until")) }};
