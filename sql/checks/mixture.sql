-- Purpose:    whether two files that overlap in time, and do not say a symbol, hold bars of one instrument
-- Grain:      one row
-- In:         the input files
-- Out:        shared: how often both have a bar of one time; differing: how many of these bars differ;
--             changes: how often the next bar is of another file; apart: how many of these closes lie further
--             apart than the gap
-- Parameters: $files; $one and $other, the two; $chunk_from, $chunk_until (the range, half open); $gap in points;
--             $most, the bars looked at
with
bars as (
    select
        {{ time("source") }} as bar_time,
        source.duck_label_file as file,
        {{ decimal_of("close", "source") }} as close,
        hash(
            {%- for price in prices %}
            source.{{ columns[price] }},
            {%- endfor %}
            {{ "source." ~ volume if volume else "null" }}
        ) as content
    from {{ files_with_names }} as source
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
        and source.duck_label_file in ($one, $other)
    order by
        bar_time,
        file
    limit $most
),

neighbours as (
    select
        *,
        lag(bar_time) over in_order as previous_time,
        lag(file) over in_order as previous_file,
        lag(close) over in_order as previous_close,
        lag(content) over in_order as previous_content
    from bars
    window in_order as (order by bar_time, file)
)

select
    count_if(bar_time = previous_time) as shared,
    count_if(bar_time = previous_time and content <> previous_content) as differing,
    count(*) as changes,
    count_if(coalesce(abs(close - previous_close) > $gap::double, false)) as apart
from neighbours
where file <> previous_file
