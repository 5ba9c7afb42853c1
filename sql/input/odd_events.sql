-- Purpose:    what in a file of events cannot be meant: events without a time or symbol, and of one bar with
--             different sides
-- Grain:      one row: how many have no time or symbol; and the first time, symbol and sides of one that has several
-- In:         the file of events
-- Out:        without, time, symbol, sides
-- Parameters: $events
with
events_by_bar as (
    select
        events.timestamp,
        {{ "events.symbol::varchar" if events.has_symbol else "''" }} as symbol,
        {%- if events.has_side %}
        list(distinct {{ event_side }}) as sides
        {%- else %}
        null::tinyint[] as sides
        {%- endif %}
    from read_parquet($events) as events
    group by all
),

events_of_two_sides as (
    select *
    from events_by_bar
    where len(sides) > 1
    order by timestamp, symbol
    limit 1
)

select
    (
        select count(*)
        from read_parquet($events) as events
        where events.timestamp is null{{ " or events.symbol is null" if events.has_symbol }}
    ) as without,
    any_value(timestamp::varchar) as time,
    any_value(symbol) as symbol,
    any_value(array_to_string(list_sort(sides), ', ')) as sides
from events_of_two_sides;
