-- Purpose:    the labeled bars, as the run wrote them
-- Grain:      one row per bar
-- In:         the part files
-- Out:        view `labels`: every column of the input, then the output columns of every mode
create or replace view labels as
select *
from
    read_parquet(
        {{ folder }} || '/*.parquet',
        hive_partitioning = false
    );
