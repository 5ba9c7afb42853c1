-- Purpose:    the tallies that part files carry
-- Grain:      one row per part file, symbol, month (UTC), session and mode
-- In:         the part files
-- Out:        temp table `tallies`
-- Parameters: $files
--
-- See `label/12_tally`. Gains and losses are null where a run did not ask for exits. Sums are as wide as they come: a
-- year of nanoseconds, a million times, fits. The rows are sorted because those of each file are else kept apart, on
-- several threads, until all are there: 145 MB for 600 files (DuckDB 2.0.1).
create or replace temp table tallies as
with
documents as (
    select
        file_name,
        from_json(
            decode(value),
            '{
                "modes": ["VARCHAR"],
                "clocks_per_second": "BIGINT",
                "session_start": "VARCHAR",
                "rows": [{
                    "symbol": "VARCHAR",
                    "month": "VARCHAR",
                    "session": "VARCHAR",
                    "increments_per_tick": "BIGINT",
                    "first": "BIGINT",
                    "last": "BIGINT",
                    "bars": "BIGINT",
                    "asked": "BIGINT",
                    "jumps": "BIGINT",
                    "rolled_bars": "BIGINT",
                    "modes": [{
                        {%- for name in sums %}
                        "{{ name }}": "HUGEINT"{{ "," if not loop.last }}
                        {%- endfor %}
                    }]
                }]
            }'
        ) as tally
    from parquet_kv_metadata($files)
    where key = 'duck_label_tally'::blob
),

entries as (
    select
        documents.file_name,
        documents.tally.modes as names,
        documents.tally.clocks_per_second,
        documents.tally.session_start,
        unnest(documents.tally.rows) as entry
    from documents
),

tallied_modes as (
    select
        entries.*,
        unnest(range(1, len(entries.names) + 1)) as mode,
        unnest(entries.entry.modes) as sums
    from entries
)

select
    tallied_modes.file_name,
    tallied_modes.session_start,
    tallied_modes.clocks_per_second,
    tallied_modes.entry.symbol,
    tallied_modes.entry.month,
    tallied_modes.entry.session,
    tallied_modes.entry.increments_per_tick,
    tallied_modes.entry.first,
    tallied_modes.entry.last,
    tallied_modes.entry.bars,
    tallied_modes.entry.asked,
    tallied_modes.entry.jumps,
    tallied_modes.entry.rolled_bars,
    tallied_modes.mode,
    tallied_modes.names[tallied_modes.mode] as mode_name,
    {%- for name in sums %}
    tallied_modes.sums['{{ name }}'] as {{ name | identifier }}{{ "," if not loop.last }}
    {%- endfor %}
from tallied_modes
order by tallied_modes.file_name;
