-- A candle whose row is in the lake may be asked for again.
create table coverage_with_doubted (
    series    text   not null,
    start_at  bigint not null,
    end_at    bigint not null check (end_at > start_at),
    fact      text   not null
        check (fact in ('final', 'no_trade', 'quarantined', 'before_history', 'waived', 'absent',
            'doubted')),
    -- For absent, quarantined and doubted candles: how many answers agree, and when the last one came.
    asks      bigint not null default 0,
    asked_at  bigint not null default 0,
    primary key (series, start_at)
);
insert into coverage_with_doubted (series, start_at, end_at, fact, asks, asked_at)
    select series, start_at, end_at, fact, asks, asked_at from coverage;
drop table coverage;
alter table coverage_with_doubted rename to coverage;
