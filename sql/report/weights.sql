-- Purpose:    how the weights of winners are spread, for one mode
-- Grain:      one row per bin of weights that holds a winner
-- In:         the part files
-- Out:        bin (from 0; weights of bin b lie from b widths until before b + 1, the last bin takes the rest), winners
-- Parameters: $files; $width of a bin; $bins, how many
select
    least(floor(labels.{{ weight }}::double / $width::double)::bigint, $bins::bigint - 1) as bin,
    count(*) as winners
from read_parquet($files, hive_partitioning = false) as labels
where labels.{{ label }} = 1 and isfinite(labels.{{ weight }})
group by all
order by bin
