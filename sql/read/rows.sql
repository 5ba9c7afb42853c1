-- Purpose:    labels to train on: bars without a label in a mode are left out for that mode
-- Grain:      one row per bar and mode with a label
-- In:         `asked`
-- Out:        the columns that a reader asks for, mode after mode, in each as the part files have them
select
    {{ columns | map("identifier") | join(",\n    ") }}
from asked
where duck_label_is_known
