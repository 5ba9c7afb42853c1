-- Purpose:    the closes of a range of dates on the price grid, in the order in which a filter walks over them
-- Grain:      one row per bar
-- In:         the input files; `series`
-- Out:        rows, by series and time: series, clock, event_time (what a file of events says of the bar), close
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open); $after, the clock of the last bar that was
--             walked over before: it and what lies before it is left out
select
    series.series,
    {{ clock(time("source")) }} as clock,
    {{ event_time }} as event_time,
    round({{ level_of("close", "source", "series") }})::bigint as close
from {{ source }} as source
inner join series on {{ symbol_of("source") }} = series.symbol
where
    {{ time("source") }} >= {{ moment("chunk_from") }}
    and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
    and {{ clock(time("source")) }} > $after
order by series.series, clock
