-- Purpose:    the labeled bars with one name for each thing, whatever the modes and the input's columns are called
-- Grain:      one row per bar and mode
-- In:         `labels`
-- Out:        view `labels_long`; `utc` is the timestamp in UTC as a plain TIMESTAMP, whatever its type, without parts
--             of a microsecond; null is what the output does not hold: the details of a run without --details, the
--             symbol of an input without one
create or replace view labels_long as
{%- for mode in modes %}
select
    {{ symbol or "null::varchar" }} as symbol,
    {{ timestamp }} as timestamp,
    {{ utc }} as utc,
    {{ mode.name | literal }} as mode,
    '{{ mode.direction }}' as direction,
    {{ mode.stop }}::double as stop_ticks,
    {{ mode.target }}::double as target_ticks,
    {{ ("label_" ~ mode.name) | identifier }} as label,
    {{ ("weight_" ~ mode.name) | identifier }} as weight,
    {%- if details %}
    {{ ("outcome_" ~ mode.name) | identifier }}::varchar as outcome,
    {{ ("mae_ticks_" ~ mode.name) | identifier }} as mae_ticks,
    {{ ("mfe_ticks_" ~ mode.name) | identifier }} as mfe_ticks,
    {{ ("seconds_" ~ mode.name) | identifier }} as seconds,
    {{ ("touch_time_" ~ mode.name) | identifier }} as touch_time,
    {%- else %}
    null::varchar as outcome,
    null::double as mae_ticks,
    null::double as mfe_ticks,
    null::double as seconds,
    case when false then {{ timestamp }} end as touch_time,
    {%- endif %}
    {{ open }} as open,
    {{ high }} as high,
    {{ low }} as low,
    {{ close }} as close,
    {{ volume or "null::bigint" }} as volume
    {%- for column in further_columns %},
    {{ column }}
    {%- endfor %}
from labels
{%- if not loop.last %}

union all
{% endif %}
{%- endfor %};
