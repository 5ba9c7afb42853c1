-- Purpose:    how many bars break a rule by themselves
-- Grain:      one row per file and broken rule: a clean input returns none
-- In:         the input files; `grids`
-- Out:        file, rule, bars
-- Parameters: $files
{%- from "checks/rules.sql" import rules with context %}
with
broken_rules as (
    select
        source.duck_label_file as file,
        {%- for rule, predicate in rules %}
        count_if({{ predicate }}) as {{ rule }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ source_with_files }} as source
    {{ join_grids }}
    group by source.duck_label_file
)

select
    file,
    rule,
    bars
from broken_rules
unpivot (bars for rule in ({{ rules | map("first") | join(", ") }}))
where bars > 0
order by file, rule
