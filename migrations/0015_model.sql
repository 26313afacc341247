-- One row per model that was ever built: what its table was made of.
create table model (
    model_name   text   not null primary key,
    -- Of its text; another one builds everything anew.
    fingerprint  text   not null,
    -- Which version of each table it has read, as JSON.
    inputs       text   not null,
    -- When that was; also when nothing was to change.
    built_at     bigint not null
);

-- One row per build of a model, whatever came of it.
create table model_run (
    run_id       text   not null primary key,
    model_name   text   not null,
    started_at   bigint not null,
    ended_at     bigint not null,
    outcome      text   not null check (outcome in ('built', 'unchanged', 'failed')),
    -- It was built from scratch.
    is_whole     bigint not null check (is_whole in (0, 1)),
    inserted     bigint not null,
    updated      bigint not null,
    unchanged    bigint not null,
    removed      bigint not null,
    -- Of its table, afterwards.
    version      bigint not null,
    inputs       text   not null,
    -- How its tests went, as JSON.
    tests        text   not null,
    error        text
);

create index model_run_of_model on model_run (model_name, run_id);
