-- Purpose:    the labeled bars with one name for each thing, whatever the modes and the input's columns are called
-- Grain:      one row per bar and mode
-- In:         `labels`
-- Out:        view `labels_long`; `utc` is the timestamp in UTC as a plain TIMESTAMP, whatever its type, without parts
--             of a microsecond; null is what the output does not hold: the details of a run without --details, the
--             worth of labels without --uniqueness, the symbol of an input without one, the direction where a file
--             of events tells the side
create or replace view labels_long as
{%- for mode in modes %}
select
    {{ symbol or "null::varchar" }} as symbol,
    {{ timestamp }} as timestamp,
    {{ utc }} as utc,
    {{ mode.name | literal }} as mode,
    {%- if mode.direction == "side" and side is none %}
    null::varchar as direction,
    {%- elif mode.direction == "side" %}
    case
        when {{ side }} > 0 and not isnan({{ side }}) then 'long'
        when {{ side }} < 0 then 'short'
    end as direction,
    {%- else %}
    '{{ mode.direction }}' as direction,
    {%- endif %}
    {%- for name, barrier in (("stop_ticks", mode.stop), ("target_ticks", mode.target)) %}
    {%- if barrier.ticks is not none %}
    {{ barrier.ticks }}::double as {{ name }},
    {%- elif details %}
    {{ (name ~ "_" ~ mode.name) | identifier }} as {{ name }},
    {%- else %}
    null::double as {{ name }},
    {%- endif %}
    {%- endfor %}
    {{ ("label_" ~ mode.name) | identifier }} as label,
    {{ ("weight_" ~ mode.name) | identifier }} as weight,
    {%- for name in ("uniqueness", "attribution") %}
    {%- if uniqueness %}
    {{ (name ~ "_" ~ mode.name) | identifier }} as {{ name }},
    {%- else %}
    null::double as {{ name }},
    {%- endif %}
    {%- endfor %}
    {%- if details %}
    {{ ("outcome_" ~ mode.name) | identifier }}::varchar as outcome,
    {{ ("mae_ticks_" ~ mode.name) | identifier }} as mae_ticks,
    {{ ("mfe_ticks_" ~ mode.name) | identifier }} as mfe_ticks,
    {{ ("seconds_" ~ mode.name) | identifier }} as seconds,
    {{ ("touch_time_" ~ mode.name) | identifier }} as touch_time,
    {{ ("exit_price_" ~ mode.name) | identifier }} as exit_price,
    {{ ("return_ticks_" ~ mode.name) | identifier }} as return_ticks,
    {%- else %}
    null::varchar as outcome,
    null::double as mae_ticks,
    null::double as mfe_ticks,
    null::double as seconds,
    case when false then {{ timestamp }} end as touch_time,
    null::double as exit_price,
    null::double as return_ticks,
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
