-- Purpose:    which of a mode's two barriers is touched first, and where, for all bars that ask the same
-- Grain:      one row per question
-- In:         `questions`, `series`, `rungs_SIDE`, `touches_SIDE`; SIDE is up or down
-- Out:        temp table `trades`; for mode N: `touch_bar_N` and `touch_clock_N` (the first bar that touches a
--             barrier) and `touched_N` (`target`, `stop` or, where that bar touches both, `both`); where one of its
--             barriers is the bar's own, or its stop trails, `target_bar_N` and `stop_bar_N` in their place, as far as
--             bars share them; `is_unknown_N` (whether a percentage of the entry has no distance)
--
-- All bars of a question share the first touch of every barrier whose distance they share, and with it which of a
-- mode's two barriers is touched first, and where: that is their trade. A barrier that is never touched has no bar and
-- no clock, which `<` takes for false and `least` passes over.
{%- from "label/barriers.sql" import any_unknown, of_trade, touched %}
{%- set keys = ["series", "entry"] + (["side"] if trades.has_sides else []) %}
{%- set shared_sides = trades.sides | selectattr("shared") | list %}

{#- The bar, or its clock, at which a barrier that bars share is touched first. -#}
{%- macro shared(touch, what) -%}
{%- if touch and touch.kind == "shared" -%}
touches_{{ touch.side }}.{{ what }}_{{ touch.number }}
{%- endif -%}
{%- endmacro %}
create or replace temp table trades as
with
touches as (
    select
        {%- for key in keys %}
        questions.{{ key }},
        {%- endfor %}
        questions.block,
        questions.lone_bar
        {%- for mode in trades.modes if mode.shares %}
        {%- set above, below = shared(mode.above, "bar"), shared(mode.below, "bar") %},
        {{ of_trade(mode, "target", above, below, "questions", "integer") }} as target_bar_{{ mode.number }},
        {{ of_trade(mode, "stop", above, below, "questions", "integer") }} as stop_bar_{{ mode.number }}
        {%- if mode.percentages %},
        {{ any_unknown(mode.percentages, "questions") }} as is_unknown_{{ mode.number }}
        {%- endif %}
        {%- if mode.is_shared %}
        {%- set above, below = shared(mode.above, "clock"), shared(mode.below, "clock") %},
        {{ of_trade(mode, "target", above, below, "questions", "bigint") }} as target_clock_{{ mode.number }},
        {{ of_trade(mode, "stop", above, below, "questions", "bigint") }} as stop_clock_{{ mode.number }}
        {%- endif %}
        {%- endfor %}
    from questions
    {%- if trades.percentages %}
    inner join series on questions.series = series.series
    {%- endif %}
    {%- for side in shared_sides %}
    left join rungs_{{ side.name }} on questions.question = rungs_{{ side.name }}.question
    left join touches_{{ side.name }}
        on
            rungs_{{ side.name }}.bar = touches_{{ side.name }}.rung
            {%- for key in keys %}
            and rungs_{{ side.name }}.{{ key }} = touches_{{ side.name }}.{{ key }}
            {%- endfor %}
    {%- endfor %}
)

select
    {%- for key in keys %}
    {{ key }},
    {%- endfor %}
    block,
    lone_bar
    {%- for mode in trades.modes if mode.shares %}
    {%- set target, stop = "target_bar_%d" % mode.number, "stop_bar_%d" % mode.number %},
    {%- if mode.is_shared %}
    least({{ target }}, {{ stop }}) as touch_bar_{{ mode.number }},
    least(target_clock_{{ mode.number }}, stop_clock_{{ mode.number }}) as touch_clock_{{ mode.number }},
    {{ touched(target, stop) | indent(4) }} as touched_{{ mode.number }}
    {%- else %}
    {{ target }},
    {{ stop }}
    {%- endif %}
    {%- if mode.percentages %},
    is_unknown_{{ mode.number }}
    {%- endif %}
    {%- endfor %}
from touches;

drop table questions;
{%- for side in shared_sides %}
drop table rungs_{{ side.name }};
drop table touches_{{ side.name }};
{%- endfor %}
