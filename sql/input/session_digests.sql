-- Purpose:    what tells the sessions that bars of a range may lie in apart from others
-- Grain:      one row per range
-- In:         `session_times`
-- Out:        start, digest; 0 where there are none
-- Parameters: $starts (a number for each range), $firsts and $lasts, lists of clock units, both ends included
with
ranges as (
    select
        unnest($starts)::bigint as start,
        unnest($firsts)::bigint as first,
        unnest($lasts)::bigint as last
),

marks as (
    select
        ranges.start,
        md5_number(
            concat_ws('|', session_times.opens, session_times.closes, session_times.pattern)
        ) as mark
    from ranges
    left join session_times on ranges.first < session_times.closes and ranges.last >= session_times.opens
)

select
    start,
    hex(coalesce(bit_xor(mark) filter (where mark is not null), 0::uhugeint)) as digest
from marks
group by start
order by start;
