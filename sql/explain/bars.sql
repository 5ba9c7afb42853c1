-- Purpose:    the bars of one symbol between two times, as a walk along a path needs them
-- Grain:      one row per bar, in order of time
-- In:         the part files
-- Out:        clock, then open, high, low, close in points
-- Parameters: $files; $range_from, $range_until (half open); $symbol, where there are symbols; $bars, the most of them
select
    {{ clock(time("source")) }} as clock,
    {{ points_of("open", "source") }} as open,
    {{ points_of("high", "source") }} as high,
    {{ points_of("low", "source") }} as low,
    {{ points_of("close", "source") }} as close
from {{ source }} as source
where
    {{ time("source") }} >= {{ moment("range_from") }}
    and {{ time("source") }} < {{ moment("range_until") }}{{- within("source", "range_from", "range_until") }}
    {%- if has_symbol %}
    and ($symbol is null or {{ symbol_of("source") }} = $symbol)
    {%- endif %}
order by clock {{ direction }}
limit $bars;
