-- Purpose:    how many bars break a rule by themselves
-- Grain:      one row per file and broken rule: a clean input returns none
-- In:         the input files; `grids`
-- Out:        file, rule, bars
-- Parameters: $files
--
-- Most rows break no rule, and are told from the others by less than all rules.
{%- from "checks/rules.sql" import breaks_none, rows_on_trial, rules with context %}
with
{{ rows_on_trial(files_with_names, ["duck_label_file"]) }},

broken_rules as (
    select
        duck_label_file
        {%- for rule, predicate in rules %},
        count_if(
            {{ predicate.replace(" or ", "\n            or ") }}
        ) as {{ rule }}
        {%- endfor %}
    from rows_on_trial
    where
        not coalesce(
            {{ breaks_none() | indent(8) }},
            false
        )
    group by duck_label_file
)

select
    duck_label_file as file,
    rule,
    bars
from broken_rules
unpivot (bars for rule in (
    {{ rules | map("first") | join(",\n    ") }}
))
where bars > 0
order by file, rule
