-- Purpose:    empty tables for what `neighbours` finds, range after range
-- Grain:      -
-- In:         -
-- Out:        temp tables `spacings`, `moves`, `spans_of_time`, `trading_days`, `session_bars` and `last_seen`
create or replace temp table spacings (symbol varchar, spacing hugeint, bars bigint);
create or replace temp table moves (symbol varchar, clock bigint, spacing hugeint, move double);
create or replace temp table spans_of_time (symbol varchar, height double);
create or replace temp table trading_days (symbol varchar, session date, first bigint, last bigint, bars bigint);
create or replace temp table session_bars (symbol varchar, opens bigint, first bigint, last bigint, bars bigint);
create or replace temp table last_seen (symbol varchar, clock bigint, close double);
