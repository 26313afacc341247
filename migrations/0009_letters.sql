-- A dead letter is open until somebody decides about it: it has landed after all, or is given up.
alter table dead_letter add column state text not null default 'open'
    check (state in ('open', 'replayed', 'discarded'));
alter table dead_letter add column resolved_at bigint;
alter table dead_letter add column resolved_by text;
alter table dead_letter add column reason text;
-- When it was last tried again in vain, and why it was refused then.
alter table dead_letter add column tried_at bigint;
alter table dead_letter add column tried_detail text;
-- The group it belongs to; empty until the program has read the letters of an older version.
alter table dead_letter add column fingerprint text not null default '';

-- One index for each way of filtering, so that a page costs the same however many letters there are.
-- A fingerprint says its expectation, so the two together need none of their own.
drop index dead_letter_newest;
drop index dead_letter_series;
create index dead_letter_newest on dead_letter (state, extracted_at, dead_letter_id);
create index dead_letter_series
    on dead_letter (state, series, extracted_at, dead_letter_id);
create index dead_letter_expectation
    on dead_letter (state, expectation, extracted_at, dead_letter_id);
create index dead_letter_fingerprint
    on dead_letter (state, fingerprint, extracted_at, dead_letter_id);
create index dead_letter_series_expectation
    on dead_letter (state, series, expectation, extracted_at, dead_letter_id);
create index dead_letter_series_fingerprint
    on dead_letter (state, series, fingerprint, extracted_at, dead_letter_id);

-- One row per fault of a provider: letters whose refusals differ in nothing but numbers. The counts
-- are written with the letters they count, so they never have to be counted.
create table dead_letter_group (
    fingerprint      text   not null primary key,
    provider         text   not null,
    expectation      text   not null,
    -- The detail of its letters without what differs between them.
    pattern          text   not null,
    open_count       bigint not null default 0 check (open_count >= 0),
    replayed_count   bigint not null default 0 check (replayed_count >= 0),
    discarded_count  bigint not null default 0 check (discarded_count >= 0),
    -- Of its first letter, and of the last time that one of them was refused.
    first_seen_at    bigint not null,
    last_seen_at     bigint not null,
    -- The first letter.
    sample_id        text   not null
);

create index dead_letter_group_open on dead_letter_group (first_seen_at, fingerprint)
    where open_count > 0;
create index dead_letter_group_replayed on dead_letter_group (first_seen_at, fingerprint)
    where replayed_count > 0;
create index dead_letter_group_discarded on dead_letter_group (first_seen_at, fingerprint)
    where discarded_count > 0;

-- A letter without its bytes, which may be megabytes.
create view dead_letter_head as
    select dead_letter_id, series, open_at, expectation, detail,
        cast(length(raw) as bigint) as size, source, extracted_at, last_seen_at, times_seen,
        fingerprint, state, resolved_at, resolved_by, reason, tried_at, tried_detail
    from dead_letter;
