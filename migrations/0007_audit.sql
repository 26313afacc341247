-- One row per command that changed something: who asked for what, and in which request.
create table audit (
    audit_id    text   not null primary key,
    at          bigint not null,
    -- The name of an API key, or who else it was: local, schedule, command line.
    actor       text   not null,
    request_id  text   not null,
    -- A stable word: backfill.create, dead_letter.discard, series.disable.
    command     text   not null,
    -- What it was about: an id, a series, an asset.
    target      text   not null,
    -- What was asked for, and why if that was said, as JSON.
    detail      text   not null
);

create index audit_newest on audit (at, audit_id);
create index audit_command on audit (command, at, audit_id);
