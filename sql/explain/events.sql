-- Purpose:    the events of a file at the time of a bar
-- Grain:      one row per event
-- In:         the file of events
-- Out:        symbol and side, null where the file has none
-- Parameters: $events; $first, $last (around the bar, both included); $clock (of the bar)
select
    {{ "events.symbol::varchar" if events.has_symbol else "null::varchar" }} as symbol,
    {{ "events.side::double" if events.has_side else "null::double" }} as side
from read_parquet($events) as events
where
    {{ events.within("first", "last") }}
    and {{ event_clock }} = $clock;
