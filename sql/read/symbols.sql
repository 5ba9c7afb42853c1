-- Purpose:    the symbols of an output
-- Grain:      one row per symbol
-- In:         `labels`
-- Out:        the symbol
select distinct {{ symbol }} as symbol
from labels
where {{ symbol }} is not null
order by all
