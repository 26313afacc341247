-- One row per limit of a provider account: the requests that still count, so that a restart does
-- not spend them twice. Pairs of microseconds since 1970 and a number, as JSON.
create table budget (
    account       text   not null,
    span_seconds  bigint not null,
    requests      text   not null,
    primary key (account, span_seconds)
);
