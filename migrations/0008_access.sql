-- One row per API key there ever was. The token itself is nowhere.
create table api_key (
    key_id        text   not null primary key,
    -- Free again once the key is revoked.
    name          text   not null,
    -- SHA-256 of the token, in hexadecimal digits.
    hash          text   not null unique,
    -- read, operate or admin.
    scope         text   not null,
    created_at    bigint not null,
    -- Never if absent.
    expires_at    bigint,
    revoked_at    bigint,
    -- To the minute.
    last_used_at  bigint
);

create unique index api_key_living on api_key (name) where revoked_at is null;
