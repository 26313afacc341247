-- One row per table of the lake that was ever maintained: when that last succeeded, and what it did.
create table upkeep (
    table_name       text   not null primary key,
    succeeded_at     bigint not null,
    -- By whom.
    replica          text   not null,
    millis           bigint not null,
    -- Data files on the disk before, and those of them that were removed.
    files_before     bigint not null,
    bytes_before     bigint not null,
    files_removed    bigint not null,
    bytes_removed    bigint not null,
    -- Entries of the log.
    entries_removed  bigint not null
);
