-- Purpose:    how many bars lie in every hour, by which chunks of equal size are cut
-- Grain:      one row per hour that has a bar
-- In:         the input files
-- Out:        rows, in order: its first and its last bar in microseconds since 1970, and its bars
-- Parameters: $files; $range_from, $range_until (half open); $clocks_per_second
with
bars as (
    select {{ clock("source." ~ timestamp) }} // ($clocks_per_second::bigint // 1000000) as clock
    from {{ source }} as source
    where
        source.{{ timestamp }} >= {{ moment("range_from") }}
        and source.{{ timestamp }} < {{ moment("range_until") }}
)

select
    min(clock) as first,
    max(clock) as last,
    count(*) as bars
from bars
group by floor(clock / 3600000000)
order by first;
