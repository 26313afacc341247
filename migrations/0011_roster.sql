-- One row per asset that was ever kept: the settings are the seed, this is the truth. One that was
-- removed stays, so that the settings do not bring it back.
create table kept_asset (
    asset       text   not null primary key,
    -- Separated by commas, finest first.
    timeframes  text   not null,
    -- Who is asked, most preferred first, separated by commas; null follows the settings.
    providers   text,
    enabled     bigint not null,
    removed     bigint not null,
    -- config until somebody decides otherwise, then api.
    source      text   not null,
    changed_at  bigint not null,
    -- The name of an API key, local, or config.
    changed_by  text   not null,
    reason      text
);

-- One row per schedule that was ever held up or asked for out of turn.
create table schedule (
    schedule      text   not null primary key,
    paused        bigint not null,
    paused_by     text,
    paused_at     bigint,
    reason        text,
    -- Ticks that somebody asked for: when the newest was, and how many there were.
    triggered_at  bigint,
    triggers      bigint not null
);

-- Grows with every change of the two, so that whoever looks now and then need not read them.
create table roster_revision (
    only_row  bigint not null primary key check (only_row = 1),
    revision  bigint not null
);

insert into roster_revision (only_row, revision) values (1, 0);
