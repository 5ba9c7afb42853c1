-- Purpose:    between which levels the closes of each file lie, and whose they are
-- Grain:      one row per file, in the order of their names
-- In:         the footers of the files
-- Out:        file; lowest and highest close, null where a footer does not tell; symbol, the one that all rows have,
--             null where they have several or there is no such column
-- Parameters: $files; $close and $symbol, the names of their columns in the files ($symbol may be null)
with
chunks_of_columns as (
    select
        file_name,
        path_in_schema = $close as is_close,
        coalesce(stats_min_value, stats_min) as least_value,
        coalesce(stats_max_value, stats_max) as largest_value
    from parquet_metadata($files)
    where path_in_schema in ($close, $symbol) and row_group_num_rows > 0
),

files as (
    select
        file_name as file,
        min(try_cast(least_value as double)) filter (where is_close) as lowest,
        max(try_cast(largest_value as double)) filter (where is_close) as highest,
        min(least_value) filter (where not is_close) as first_symbol,
        max(largest_value) filter (where not is_close) as last_symbol
    from chunks_of_columns
    group by file_name
)

select
    file,
    lowest,
    highest,
    case when first_symbol = last_symbol then first_symbol end as symbol
from files
order by file
