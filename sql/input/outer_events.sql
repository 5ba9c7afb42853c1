-- Purpose:    how many events of a file lie where the input has no bar and no chunk is made
-- Grain:      one row
-- In:         the file of events
-- Out:        outer_events, those before or after all bars; inner_events, those in gaps between row groups of which no
--             chunk is made; equal ones count once
-- Parameters: $events; $begin, $until (the range of the bars, half open); $gap_begins, $gap_ends (those gaps inside of
--             it, half open, as clocks)
with
events_by_time as (
    select
        {{ event_clock }} as clock,
        {{ "events.symbol::varchar" if events.has_symbol else "''" }} as symbol
    from read_parquet($events) as events
    group by events.timestamp, symbol
),

gaps as (
    select
        unnest($gap_begins::bigint[]) as begins,
        unnest($gap_ends::bigint[]) as ends
)

select
    count(*) filter (
        where events.clock < {{ clock(moment("begin")) }} or events.clock >= {{ clock(moment("until")) }}
    ) as outer_events,
    count(*) filter (where events.clock < gaps.ends) as inner_events
from events_by_time as events
asof left join gaps on events.clock >= gaps.begins;
