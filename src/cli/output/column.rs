//! What a table shows of the API's JSON: a title, a place, a form. Whatever else is there is let be.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Form {
    Text,
    /// A state or a verdict; in colour where there is colour.
    Word,
    /// With the thousands apart, at the right.
    Count,
    /// To the second.
    Instant,
    /// A number of them, as a duration.
    Seconds,
    /// From 0 to 1, as per cent.
    Share,
    /// Separated by commas.
    List,
    /// The names of a list of things.
    Names,
    /// The series of a list of things, three at most.
    Series,
    /// Shares of limits.
    Shares,
    /// How many of each kind; those of which there are none are left out.
    Counts,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Column {
    pub(super) title: &'static str,
    /// A JSON pointer.
    pub(super) at: &'static str,
    pub(super) form: Form,
}

impl Column {
    /// Whether there is something to show.
    pub(in crate::cli) fn is_in(&self, value: &serde_json::Value) -> bool {
        value.pointer(self.at).is_some_and(|value| !value.is_null())
    }
}

const fn column(title: &'static str, at: &'static str, form: Form) -> Column {
    Column { title, at, form }
}

pub(in crate::cli) const fn text(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Text)
}

pub(in crate::cli) const fn word(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Word)
}

pub(in crate::cli) const fn count(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Count)
}

pub(in crate::cli) const fn instant(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Instant)
}

pub(in crate::cli) const fn seconds(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Seconds)
}

pub(in crate::cli) const fn share(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Share)
}

pub(in crate::cli) const fn list(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::List)
}

pub(in crate::cli) const fn names(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Names)
}

pub(in crate::cli) const fn series(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Series)
}

pub(in crate::cli) const fn counts(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Counts)
}

pub(in crate::cli) const fn shares(title: &'static str, at: &'static str) -> Column {
    column(title, at, Form::Shares)
}
