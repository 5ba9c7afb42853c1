-- Purpose:    what tells whether the bars of a file up to some time are those that they were
-- Grain:      one row per file that has such bars
-- In:         the input files; `series`
-- Out:        rows: file, and a sum over its bars, in whatever order and file they lie, bad ones too
-- Parameters: $files; $last, the clock of the last bar that counts
select
    source.duck_label_file as file,
    sum(hash(
        {{ symbol_of("source") }}::varchar,
        {{ clock(time("source")) }},
        {{ points_of("close", "source") }}
    )) as checksum
from {{ files_with_names }} as source
inner join series on {{ symbol_of("source") }} = series.symbol
where {{ clock(time("source")) }} <= $last
group by source.duck_label_file
order by file
