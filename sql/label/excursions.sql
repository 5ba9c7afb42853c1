{#- How far prices move on the path of every trade, for other queries to import; no query of its own.

    A window frame that starts at the entry bar and ends at the deciding bar holds exactly the path. Frames pass over all
    bars; where few of them are asked, paths are cut into blocks instead. Rows that lie in the order of the bars
    are not sorted; that they do is seen when labels are written, row by row (see `13_part`).

    In:  `outcomes`, where path_N tells the bars on the path of mode N, and path_before_N, where its stop trails, those
         before the last; `bars`, where only some are asked.
    Out: `excursions`, the rows of `outcomes` with, for mode N, lowest_N and highest_N (without details only that which
         moves against the trade) and, where `has_levels`, last_open_N, last_close_N, lowest_before_N and
         highest_before_N; null for a path of no bars. -#}
{%- from "label/few_paths.sql" import excursions_of_few_paths with context %}

{#- The bars that come after one, so many as a column says. -#}
{%- macro over(bars) -%}
over (
            {{ "" if by_place else "order by bar " }}rows between 1 following and {{ bars }} following {{- " -- noqa: PRS" if by_place }}
        )
{%- endmacro %}

{%- macro excursions_of(modes, has_levels) -%}
{%- set modes_by_side = [] if details else modes | selectattr("direction", "equalto", "side") | list %}
{%- set paths = "paths_of_all_bars" if asks_some else "outcomes" %}
{%- if asks_some -%}
few as (
    select (select count(*) from outcomes) * {{ few }} < (select count(*) from bars) as are_asked
),

{{ excursions_of_few_paths(modes, has_levels, "(select are_asked from few)") }},

-- Frames pass over all bars, with what they need of a bar, and no more.
paths_of_all_bars as (
    select
        bars.bar,
        bars.low,
        bars.high,
        {%- if has_levels %}
        bars.open,
        bars.close,
        {%- endif %}
        {%- if modes_by_side %}
        outcomes.side,
        {%- endif %}
        {%- for mode in modes %}
        coalesce(outcomes.path_{{ mode.number }}, 0) as path_{{ mode.number }},
        {%- if mode.trails %}
        coalesce(outcomes.path_before_{{ mode.number }}, 0) as path_before_{{ mode.number }},
        {%- endif %}
        {%- endfor %}
        outcomes.bar is not null as is_asked
    from bars
    left join outcomes using (series, bar)
    where not (select are_asked from few)
),
{%- endif %}
{%- if modes_by_side %}

-- Lows move against a long trade and highs against a short one: the other's frame is empty.
paths_by_side as (
    select
        *
        {%- for mode in modes_by_side %},
        case when side > 0 then path_{{ mode.number }} else 0 end as path_long_{{ mode.number }},
        case when side < 0 then path_{{ mode.number }} else 0 end as path_short_{{ mode.number }}
        {%- endfor %}
    from {{ paths }}
),
{%- endif %}

-- A frame that starts at the entry bar and ends at the deciding bar holds exactly the path.
{{ "excursions_by_frames" if asks_some else "excursions" }} as (
    select
        {%- if asks_some %}
        bar,
        is_asked
        {%- else %}
        *
        {%- endif %}
        {%- for mode in modes %}
        {%- set number = mode.number %}
        {%- set path = "path_%d" % number %}
        {%- if details or mode.direction != "short" %},
        min(low) {{ over("path_long_%d" % number if mode in modes_by_side else path) }} as lowest_{{ number }}
        {%- endif %}
        {%- if details or mode.direction != "long" %},
        max(high) {{ over("path_short_%d" % number if mode in modes_by_side else path) }} as highest_{{ number }}
        {%- endif %}
        {%- if has_levels %},
        last_value(open) {{ over(path) }} as last_open_{{ number }}
        {%- endif %}
        {%- if has_exits %},
        last_value(close) {{ over(path) }} as last_close_{{ number }}
        {%- endif %}
        {%- if has_levels and mode.trails %}
        {%- set path_before = "path_before_%d" % number %}
        {%- if mode.direction != "short" %},
        max(high) {{ over(path_before) }} as highest_before_{{ number }}
        {%- endif %}
        {%- if mode.direction != "long" %},
        min(low) {{ over(path_before) }} as lowest_before_{{ number }}
        {%- endif %}
        {%- endif %}
        {%- endfor %}
    from {{ "paths_by_side" if modes_by_side else paths }}
)
{%- if asks_some %},

excursions_of_the_bars as (
    select * exclude (is_asked)
    from excursions_by_frames
    where is_asked

    union all by name

    select *
    from excursions_of_the_paths
),

excursions as (
    select
        outcomes.*,
        excursions.* exclude (bar)
    from outcomes
    left join excursions_of_the_bars as excursions using (bar)
)
{%- endif %}
{%- endmacro %}
