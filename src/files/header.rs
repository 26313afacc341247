//! The column names of a file.

/// The names a file gives its columns, and where it says so.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// File and line, for error texts.
    pub(super) place: String,
    pub(super) names: Vec<String>,
}

impl Header {
    /// All of them, for error texts.
    pub(super) fn present(&self) -> String {
        self.names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    }

    /// The column of that name, spelled exactly so if there is one.
    pub(super) fn named(&self, wanted: &str) -> Option<usize> {
        let exact = self.names.iter().position(|name| name == wanted);
        exact.or_else(|| self.names.iter().position(|name| plain(name) == plain(wanted)))
    }
}

/// Names differ in case, and in spaces where others have underscores.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace(' ', "_")
}
