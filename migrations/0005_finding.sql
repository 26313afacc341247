-- One row per candle on which two accounts differ by more than is tolerated. A row goes when they
-- agree again.
create table finding (
    check_name  text   not null,
    series      text   not null,
    other       text   not null,
    open_at     bigint not null,
    field       text   not null,
    bps         double precision not null,
    found_at    bigint not null,
    primary key (check_name, series, other, open_at)
);

create index finding_newest on finding (open_at, series);
