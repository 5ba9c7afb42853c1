-- Purpose:    what tells whether the bars of a file, in a range of dates, are those that they were
-- Grain:      one row per file that has such bars
-- In:         the input files; `series`
-- Out:        rows: file, and a sum over its bars, in whatever order they lie, bad ones too
-- Parameters: $files; $chunk_from, $chunk_until (the range, half open); $after, $last, the clock before the first bar
--             that counts, and that of the last;
--             where equal rows count once: $kept, the files in which such a row counts before others
with
bars as (
    select
        source.duck_label_file as file,
        {{ symbol_of("source") }}::varchar as symbol,
        {{ clock(time("source")) }} as clock,
        {{ points_of("close", "source") }} as close
    from {{ files_with_names }} as source
    inner join series on {{ symbol_of("source") }} = series.symbol
    where
        {{ time("source") }} >= {{ moment("chunk_from") }}
        and {{ time("source") }} < {{ moment("chunk_until") }}{{- within("source", "chunk_from", "chunk_until") }}
        and {{ clock(time("source")) }} > $after
        and {{ clock(time("source")) }} <= $last
),

counted_bars as (
    {%- if keeps_first %}
    select
        symbol,
        clock,
        close,
        coalesce(min(file) filter (where list_contains($kept, file)), min(file)) as file
    from bars
    group by all
    {%- else %}
    select *
    from bars
    {%- endif %}
)

select
    file,
    sum(hash(symbol, clock, close)) as checksum
from counted_bars
group by file
order by file
