-- Purpose:    how many labels there are to train on, and how many bars are left out because they have none
-- Grain:      one row per mode that has bars
-- In:         `asked`
-- Out:        the mode, its labels, its bars without one
select
    mode::varchar as mode,
    count_if(duck_label_is_known) as labels,
    count_if(not duck_label_is_known) as left_out
from asked
group by mode
