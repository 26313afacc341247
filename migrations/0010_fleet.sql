-- One row per daemon that has ever used this store, by its name.
create table replica (
    name         text   not null primary key,
    -- Counts its starts: of two processes of one name, the one that started later is meant.
    incarnation  bigint not null,
    -- Where its HTTP control plane listens.
    address      text   not null,
    version      text   not null,
    started_at   bigint not null,
    -- Its newest sign of life; zero after it has left.
    seen_at      bigint not null
);

-- One row per duty that replicas share out among themselves: provider/coinbase, lake.
create table lease (
    name         text   not null primary key,
    -- Who has it; empty after it was given up.
    holder       text   not null,
    incarnation  bigint not null,
    until_at     bigint not null,
    -- Grows whenever the duty changes hands, so that who had it before can be told apart.
    token        bigint not null,
    -- Counts what was written under the lease, for those who follow.
    told         bigint not null default 0
);

-- The count of its lease when the series last changed.
alter table series add column told bigint not null default 0;

-- Which lake the store belongs to, and by which name the lake knows its store.
create table lake_identity (
    singleton  bigint not null primary key check (singleton = 1),
    store_id   text   not null,
    -- Of the Delta table of 1m candles; empty before the first start.
    lake_id    text   not null
);
