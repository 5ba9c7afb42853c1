-- Purpose:    how many bars lie in every hour, by which chunks of equal size are cut
-- Grain:      one row per hour that has a bar
-- In:         the input files
-- Out:        rows, in order: its first and its last bar in microseconds since 1970, and its bars
-- Parameters: $files; $range_from, $range_until (half open); $clocks_per_second
with
bars as (
    select {{ clock(time("source")) }} // ($clocks_per_second::bigint // 1000000) as clock
    from {{ source }} as source
    where
        {{ time("source") }} >= {{ moment("range_from") }}
        and {{ time("source") }} < {{ moment("range_until") }}{{- within("source", "range_from", "range_until") }}
)

select
    min(clock) as first,
    max(clock) as last,
    count(*) as bars
from bars
group by floor(clock / 3600000000)
order by first;
