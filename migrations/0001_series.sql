-- Written in the intersection of SQLite and PostgreSQL. Instants are microseconds since 1970, UTC.

-- One row per series: provider/asset/timeframe.
create table series (
    series     text   not null primary key,
    -- Where its history begins; it only ever moves earlier.
    origin_at  bigint not null,
    -- Landings so far; the Delta log carries the same number as the series' txn version.
    landings   bigint not null default 0
);

-- One row per run of candles that share a fact; candles in no row have not been asked for.
create table coverage (
    series    text   not null,
    start_at  bigint not null,
    end_at    bigint not null check (end_at > start_at),
    fact      text   not null
        check (fact in ('final', 'no_trade', 'quarantined', 'before_history', 'absent')),
    -- For absent and quarantined candles: how many answers agree, and when the last one came.
    asks      bigint not null default 0,
    asked_at  bigint not null default 0,
    primary key (series, start_at)
);

-- One row per Delta table: the log version up to which coverage tells what landed.
create table lake_table (
    table_name  text   not null primary key,
    version     bigint not null
);
