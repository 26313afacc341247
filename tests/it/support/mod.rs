//! What several groups of tests share.

pub(crate) mod bucket;
pub(crate) mod daemon;
pub(crate) mod files;
pub(crate) mod postgres;
pub(crate) mod test_app;
