-- Purpose:    the part of `labels_long` that a reader asks for, with or without labels
-- Grain:      one row per bar and mode
-- In:         `labels_long`
-- Out:        temporary view `asked`; texts that repeat are an ENUM; `duck_label_is_known` is whether there is a label
--             to learn from
create or replace temp view asked as
select
    * replace (
        mode::enum({{ modes | map("literal") | join(", ") }}) as mode,
        direction::enum('long', 'short') as direction,
        outcome::enum({{ outcomes | map("literal") | join(", ") }}) as outcome
    ),
    label is not null
    {%- if unresolved %}
    and outcome not in ({{ unresolved | map("literal") | join(", ") }})
    {%- endif %} as duck_label_is_known
from labels_long
where
    mode in ({{ asked_modes | map("literal") | join(", ") }})
    {%- if start %}
    and {{ time }} >= {{ start | literal }}::{{ time_type }}
    {%- endif %}
    {%- if end %}
    and {{ time }} < {{ end | literal }}::{{ time_type }}
    {%- endif %}
    {%- if symbols is not none %}
    and symbol in ({{ symbols | map("literal") | join(", ") }})
    {%- endif %};
