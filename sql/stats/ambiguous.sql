-- Purpose:    how many trades of one mode the bars hardly tell apart
-- Grain:      one row
-- In:         the part files, with details
-- Out:        touched (trades that touch a barrier), in_the_entry_bar (those that do it there), both_in_one_bar (those
--             that touch stop and target in one bar)
-- Parameters: $files; $target in ticks
--
-- A stop whose path, the deciding bar included, reached the target did so in the deciding bar.
select
    count(*) as touched,
    count_if(labels.{{ seconds }} = 0) as in_the_entry_bar,
    count_if(labels.{{ outcome }} = 'stop' and labels.{{ mfe_ticks }} >= $target::double) as both_in_one_bar
from read_parquet($files, hive_partitioning = false) as labels
where labels.{{ outcome }} in ('target', 'stop')
