//! `[models]`: which tables are made of the others, and how soon.

use std::path::PathBuf;

use chrono::TimeDelta;

use super::{reader::Reader, span::Span};

#[derive(Debug, Clone)]
pub struct ModelsConfig {
    /// Whether anything is built by itself.
    pub build: bool,
    /// Where there are models besides our own.
    pub folder: Option<PathBuf>,
    /// How long after something has changed it is built.
    pub linger: TimeDelta,
    /// How long after a failure it is tried again.
    pub retry: TimeDelta,
}

pub(super) fn models(read: &mut Reader) -> ModelsConfig {
    let folder: String = read.get("models.path");
    ModelsConfig {
        build: read.get("models.build"),
        folder: (!folder.is_empty()).then(|| PathBuf::from(folder)),
        linger: read.get::<Span>("models.linger").into(),
        retry: read
            .get_if("models.retry", "use more than 0s", |retry: &Span| retry.is_positive())
            .into(),
    }
}
