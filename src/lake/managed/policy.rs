//! What becomes of columns that a table lacks and rows bring.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What becomes of columns that the table lacks; kept with it, so it holds for whoever writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewColumns {
    /// The table gets them; rows that lack them have null there.
    #[default]
    Evolve,
    /// Nothing is written.
    Freeze,
    /// Rows that have one are set aside, as are rows that do not fit; the others are written.
    DeadLetter,
}

impl NewColumns {
    pub const ALL: [Self; 3] = [Self::Evolve, Self::Freeze, Self::DeadLetter];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evolve => "evolve",
            Self::Freeze => "freeze",
            Self::DeadLetter => "dead_letter",
        }
    }

    /// As a table has it; one of a stranger has none.
    pub(super) fn read(text: Option<&String>) -> Self {
        let is_it = |one: &Self| text.is_some_and(|text| one.as_str() == text);
        Self::ALL.into_iter().find(is_it).unwrap_or_default()
    }
}
