-- One row per backfill: history that somebody asked for, fetched chunk by chunk.
create table backfill (
    backfill_id         text   not null primary key,
    -- backfill: history that was wanted; repair: gaps that were to be closed.
    kind                text   not null check (kind in ('backfill', 'repair')),
    state               text   not null
        check (state in ('active', 'paused', 'cancelled', 'completed', 'completed_with_errors',
                         'failed')),
    -- What was asked for, with absolute times, as JSON.
    request             text   not null,
    -- Higher goes first.
    priority            bigint not null,
    created_at          bigint not null,
    created_by          text   not null,
    -- Whoever repeats the key gets this backfill again; the hash tells whether it asks for the same.
    idempotency_key     text   unique,
    request_hash        text   not null,
    -- Why it is in its state, in the words of who put it there.
    reason              text,
    started_at          bigint,
    ended_at            bigint,
    -- How long it was active before `active_since`, and since when it is so now.
    active_micros       bigint not null default 0,
    active_since        bigint,
    chunks_total        bigint not null,
    chunks_done         bigint not null default 0,
    chunks_failed       bigint not null default 0,
    chunks_cancelled    bigint not null default 0,
    requests_planned    bigint not null,
    requests_made       bigint not null default 0,
    -- Of the requests planned, those of chunks that are done.
    requests_settled    bigint not null default 0,
    candles_landed      bigint not null default 0,
    -- Grows with every change, so that a watcher knows what it has seen.
    revision            bigint not null default 0
);

create index backfill_newest on backfill (created_at, backfill_id);
create index backfill_state on backfill (state, priority, created_at, backfill_id);

-- One row per series of a backfill: the history it answers for until it has ended.
create table backfill_series (
    backfill_id  text   not null,
    series       text   not null,
    start_at     bigint not null,
    end_at       bigint not null,
    primary key (backfill_id, series)
);

create index backfill_series_window on backfill_series (series, start_at);

-- One row per piece of work of a backfill.
create table chunk (
    chunk_id     text   not null primary key,
    backfill_id  text   not null,
    seq          bigint not null,
    series       text   not null,
    provider     text   not null,
    -- The finer series that this one is made of; it waits for the chunks of that one.
    needs        text,
    start_at     bigint not null,
    end_at       bigint not null check (end_at > start_at),
    requests     bigint not null,
    state        text   not null
        check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
    -- Attempts that failed or whose worker died; a wait for a quota is none.
    attempts     bigint not null default 0,
    not_before   bigint not null default 0,
    -- Who runs it, until when nobody else may, and the token that only this attempt has.
    holder       text,
    lease_until  bigint,
    token        bigint not null default 0,
    rows_landed  bigint not null default 0,
    error        text,
    settled_at   bigint,
    changed_at   bigint not null
);

create index chunk_next on chunk (backfill_id, provider, state, seq);
create index chunk_of_backfill on chunk (backfill_id, seq);
create index chunk_of_state on chunk (backfill_id, state, seq);
create index chunk_of_series on chunk (backfill_id, series, start_at);
create index chunk_lease on chunk (lease_until) where state = 'running';
create index chunk_newest on chunk (changed_at, chunk_id);
create index chunk_state_newest on chunk (state, changed_at, chunk_id);

-- Running chunks are few, so they are counted.
create view backfill_view as
    select backfill.*, (select count(*) from chunk where chunk.backfill_id = backfill.backfill_id
        and chunk.state = 'running') as chunks_running
    from backfill;

-- One row per plan that was made: what POST /v1/backfills may apply, while it is still true.
create table backfill_plan (
    plan_id     text   not null primary key,
    request     text   not null,
    plan_hash   text   not null,
    expires_at  bigint not null
);

-- One row: grows with every backfill that is created, so that two cannot overlap unseen.
create table backfill_epoch (
    one    bigint not null primary key check (one = 1),
    epoch  bigint not null
);
insert into backfill_epoch (one, epoch) values (1, 0);
