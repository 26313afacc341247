//! What is shown of dead letters.

use super::super::{
    output::{Column, count, instant, text, word},
    remote::Listing,
};

pub(super) const LIST: Listing = Listing {
    columns: &[
        text("id", "/id"),
        text("series", "/series"),
        instant("candle", "/open_time"),
        text("expectation", "/expectation"),
        word("state", "/state"),
        count("seen", "/times_seen"),
        instant("last seen", "/last_seen_at"),
        text("detail", "/detail"),
    ],
    none: "there is no such letter",
};

pub(super) const GROUPS: Listing = Listing {
    columns: &[
        text("fingerprint", "/fingerprint"),
        text("provider", "/provider"),
        text("expectation", "/expectation"),
        count("open", "/open"),
        count("replayed", "/replayed"),
        count("discarded", "/discarded"),
        instant("first", "/first_seen_at"),
        instant("last", "/last_seen_at"),
        text("pattern", "/pattern"),
    ],
    none: "there is no letter",
};

pub(super) const ONE: &[Column] = &[
    text("letter", "/id"),
    text("series", "/series"),
    instant("candle", "/open_time"),
    word("state", "/state"),
    text("expectation", "/expectation"),
    text("detail", "/detail"),
    text("fingerprint", "/fingerprint"),
    text("source", "/source"),
    instant("received", "/extracted_at"),
    instant("last seen", "/last_seen_at"),
    count("seen", "/times_seen"),
    text("tried", "/tried_detail"),
    text("resolved by", "/resolved_by"),
    text("reason", "/reason"),
    text("bytes", "/raw"),
];
