-- Purpose:    the bars of one symbol between two times, as a walk along a path needs them
-- Grain:      one row per bar, in order of time
-- In:         the part files
-- Out:        clock, then open, high, low, close as they are
-- Parameters: $files; $range_from, $range_until (half open); $symbol, where there are symbols; $bars, the most of them
select
    {{ clock("source." ~ timestamp) }} as clock,
    source.{{ columns.open }}::double as open,
    source.{{ columns.high }}::double as high,
    source.{{ columns.low }}::double as low,
    source.{{ columns.close }}::double as close
from {{ source }} as source
where
    source.{{ timestamp }} >= {{ moment("range_from") }}
    and source.{{ timestamp }} < {{ moment("range_until") }}
    {%- if has_symbol %}
    and ($symbol is null or {{ symbol_of("source") }} = $symbol)
    {%- endif %}
order by clock {{ direction }}
limit $bars;
