-- One row per refused record; the id is a hash, so refusing the same bytes twice keeps one row.
create table dead_letter (
    dead_letter_id  text   not null primary key,
    series          text   not null,
    open_at         bigint,
    expectation     text   not null,
    detail          text   not null,
    raw             bytea  not null,
    source          text   not null,
    extracted_at    bigint not null,
    last_seen_at    bigint not null,
    times_seen      bigint not null default 1
);

create index dead_letter_newest on dead_letter (extracted_at, dead_letter_id);
create index dead_letter_series on dead_letter (series, extracted_at, dead_letter_id);
