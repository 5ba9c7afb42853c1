-- Purpose:    how many trades of one mode are decided in the bar that they enter at
-- Grain:      one row
-- In:         the part files, with details
-- Out:        in_the_entry_bar
-- Parameters: $files
select count(*) as in_the_entry_bar
from read_parquet($files, hive_partitioning = false) as labels
where labels.{{ outcome }} in ('target', 'stop') and labels.{{ seconds }} = 0
