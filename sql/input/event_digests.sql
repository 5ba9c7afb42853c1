-- Purpose:    what tells the events in a range of time apart from others
-- Grain:      one row per range
-- In:         the file of events
-- Out:        name, digest; 0 where there are none
-- Parameters: $events; $names, numbers; $starts and $ends, lists of clock units; $first and $until, the first and
--             the last of these
--
-- Equal events count once, in whatever order they come.
with
ranges as (
    select
        unnest($names)::bigint as name,
        unnest($starts)::bigint as start,
        unnest($ends)::bigint as "end"
),

events_by_bar as (
    select
        {{ event_clock }} as clock,
        {{ "events.symbol::varchar" if events.has_symbol else "''" }} as symbol,
        {{ "any_value(%s)" % event_side if events.has_side else "0" }} as side
    from read_parquet($events) as events
    where {{ events.within("first", "until") }}
    group by clock, symbol
),

events_of_the_ranges as (
    select
        ranges.name,
        md5_number(concat_ws('|', events_by_bar.clock, events_by_bar.side, events_by_bar.symbol)) as mark
    from events_by_bar
    inner join ranges on events_by_bar.clock >= ranges.start and events_by_bar.clock < ranges.end
)

select
    ranges.name,
    hex(coalesce(bit_xor(events_of_the_ranges.mark), 0::uhugeint)) as digest
from ranges
left join events_of_the_ranges using (name)
group by ranges.name
order by ranges.name;
