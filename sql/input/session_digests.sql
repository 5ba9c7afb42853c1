-- Purpose:    what tells the sessions that bars of a range may lie in apart from others
-- Grain:      one row per range
-- In:         `session_times`
-- Out:        name, digest; 0 where there are none
-- Parameters: $names, numbers; $firsts and $lasts, lists of clock units, both ends included
with
ranges as (
    select
        unnest($names)::bigint as name,
        unnest($firsts)::bigint as first,
        unnest($lasts)::bigint as last
),

marks as (
    select
        ranges.name,
        md5_number(
            concat_ws('|', session_times.opens, session_times.closes, session_times.pattern)
        ) as mark
    from ranges
    left join session_times on ranges.first < session_times.closes and ranges.last >= session_times.opens
)

select
    name,
    hex(coalesce(bit_xor(mark) filter (where mark is not null), 0::uhugeint)) as digest
from marks
group by name
order by name;
