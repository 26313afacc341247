//! What is shown to people: tables, details, progress; and to programs: the API's own words.

mod column;
mod form;
mod plan;
mod progress;
mod table;

use std::io::{self, ErrorKind, IsTerminal, Write};

pub(super) use self::{
    column::{
        Column, Form, count, counts, instant, list, names, seconds, series, share, shares, text,
        word,
    },
    form::{grouped, shown},
    plan::plan,
    progress::{Progress, line},
    table::{details, grid, table},
};

/// How it may look at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) has_colour: bool,
}

impl Look {
    #[cfg(test)]
    const PLAIN: Self = Self { has_colour: false };

    pub(super) fn of_stdout() -> Self {
        // https://no-color.org: any value but none.
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { has_colour: io::stdout().is_terminal() && !is_unwanted }
    }
}

/// To standard output. Whoever stops reading, like `head`, has had enough.
pub(super) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let said = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match said {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}
