-- One row per feed (news of an asset, a macroeconomic indicator): when it was last collected to the
-- end, so that a restart does not spend a day's quota on asking again.
create table feed (
    feed          text   not null primary key,
    succeeded_at  bigint not null
);
