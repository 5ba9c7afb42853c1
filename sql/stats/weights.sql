-- Purpose:    how often each label and weight of one mode occurs
-- Grain:      one row per label and weight
-- In:         the part files
-- Out:        temp table `weights`: label, weight, bars
-- Parameters: $files
--
-- Weights repeat: a month has one decay, and winners share excursions and seconds. Counted once each, they are few
-- beside the bars, so that exact percentiles need little memory; where they are many, the table spills.
create or replace temp table weights as
select
    labels.{{ label }} as label,
    labels.{{ weight }} as weight,
    count(*) as bars
from read_parquet($files, hive_partitioning = false) as labels
group by all;
