{#- How far prices move on paths that are few beside the bars, for other queries to import; no query of its own.

    A path is cut where blocks of bars begin: into a head, a tail, and the whole blocks between them. What paths have in
    common (a tail by all that are decided at one bar, a head by all modes of a bar) is looked at once. A path inside of
    one block is its own head and tail. Frames would pass over every bar, asked or not; they are quicker where many are.

    In:  `bars`; `outcomes`, where path_N tells the bars on the path of mode N, and path_before_N, where its stop trails,
         those before the last.
    Out: where the `condition` holds, `excursions_of_the_paths`, one row per bar with a path: lowest_N, highest_N and,
         where `has_levels`, last_open_N, last_close_N, lowest_before_N and highest_before_N; null for a path of no
         bars. -#}

{%- macro excursions_of_few_paths(modes, has_levels, condition) -%}
{%- set of = namespace(paths=[]) %}
{%- for mode in modes %}
{%- set of.paths = of.paths + ["%d" % mode.number] + (["before_%d" % mode.number] if mode.trails and has_levels else []) %}
{%- endfor -%}
paths as (
    select
        bar,
        unnest(range(1, {{ of.paths | length + 1 }})) as path,
        unnest([
            {%- for name in of.paths %}
            path_{{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        ]) as bars
    from outcomes
    where is_wanted and {{ condition }}
),

paths_with_their_cuts as (
    select
        bar,
        path,
        bar + 1 as first_bar,
        bar + bars as last_bar,
        {{ block("first_bar") }} as first_block,
        {{ block("last_bar") }} as last_block,
        least(last_bar, first_block * {{ block_bars }} + {{ block_bars - 1 }}) as head_ends,
        greatest(first_bar, last_block * {{ block_bars }}) as tail_begins
    from paths
    where bars > 0
),

pieces as (
    select
        first_bar,
        head_ends as last_bar
    from paths_with_their_cuts

    union

    select
        tail_begins,
        last_bar
    from paths_with_their_cuts
),

extremes_of_the_pieces as (
    select
        pieces.first_bar,
        pieces.last_bar,
        min(bars.low) as lowest,
        max(bars.high) as highest
    from pieces
    inner join bars
        on
            {{ block("pieces.first_bar") }} = {{ block("bars.bar") }}
            and pieces.first_bar <= bars.bar
            and pieces.last_bar >= bars.bar
    group by all
),

extremes_of_all_blocks as (
    select
        {{ block("bar") }} as block,
        min(low) as lowest,
        max(high) as highest
    from bars
    group by all
),

-- Where a path has whole blocks between its head and its tail. A long one has so many that they are not listed.
block_ranges as (
    select distinct
        first_block,
        last_block
    from paths_with_their_cuts
    where first_block + 1 < last_block
),

-- A block from which paths go on to several others is there once for each: a frame ends before the first row of the
-- last block, wherever that is.
places_of_the_blocks as (
    select
        blocks.*,
        ranges.last_block,
        row_number() over (order by blocks.block) as place
    from extremes_of_all_blocks as blocks
    left join block_ranges as ranges on blocks.block = ranges.first_block
),

places_of_the_ends as (
    select
        block,
        min(place) as first_place,
        max(place) as last_place
    from places_of_the_blocks
    group by block
),

blocks_with_their_ends as (
    select
        blocks.*,
        own.last_place + 1 - blocks.place as rows_to_the_next,
        coalesce(ends.first_place - 1 - blocks.place, 0) as rows_to_the_end
    from places_of_the_blocks as blocks
    inner join places_of_the_ends as own on blocks.block = own.block
    left join places_of_the_ends as ends on blocks.last_block = ends.block
),

extremes_of_the_blocks as (
    select
        block as first_block,
        last_block,
        min(lowest) over between_them as lowest,
        max(highest) over between_them as highest
    from blocks_with_their_ends
    window between_them as (order by place rows between rows_to_the_next following and rows_to_the_end following)
),

excursions_of_the_paths as (
    select
        paths.bar
        {%- for name in of.paths %}
        {%- set of_path = "filter (where paths.path = %d)" % loop.index %},
        min(least(heads.lowest, blocks.lowest, tails.lowest)) {{ of_path }} as lowest_{{ name }},
        max(greatest(heads.highest, blocks.highest, tails.highest)) {{ of_path }} as highest_{{ name }}
        {%- if has_levels %},
        any_value(last_bars.open) {{ of_path }} as last_open_{{ name }},
        any_value(last_bars.close) {{ of_path }} as last_close_{{ name }}
        {%- endif %}
        {%- endfor %}
    from paths_with_their_cuts as paths
    inner join extremes_of_the_pieces as heads
        on paths.first_bar = heads.first_bar and paths.head_ends = heads.last_bar
    inner join extremes_of_the_pieces as tails
        on paths.tail_begins = tails.first_bar and paths.last_bar = tails.last_bar
    left join extremes_of_the_blocks as blocks
        on paths.first_block = blocks.first_block and paths.last_block = blocks.last_block
    {%- if has_levels %}
    inner join bars as last_bars on paths.last_bar = last_bars.bar
    {%- endif %}
    group by paths.bar
)
{%- endmacro %}
