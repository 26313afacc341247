//! The life of a backfill, drawn.
//!
//! ```text
//!             pause                       cancel
//!  active ◄──────────► paused      active, paused ──► cancelled
//!    │       resume
//!    └─ last chunk settled ──► completed, completed_with_errors, failed
//!                                             ▲ │
//!                                             └─┴── retry-failed ──► active
//! ```
//!
//! What is stored is what was decided. Whether chunks are still on their way then tells `pausing` from
//! `paused` and `cancelling` from `cancelled`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{BackfillState, ChunkCounts};

/// What an operator may do with a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Pause,
    Resume,
    Cancel,
    RetryFailed,
}

/// How a backfill stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No chunk has been begun.
    Queued,
    Running,
    /// Nothing more is begun, but a request is still on its way.
    Pausing,
    Paused,
    /// Given up, but a request is still on its way.
    Cancelling,
    Cancelled,
    Completed,
    /// Every chunk was tried, and some failed for good.
    CompletedWithErrors,
    /// Every chunk failed.
    Failed,
}

impl Action {
    pub const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::Cancel, Self::RetryFailed];

    /// As in the route.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::RetryFailed => "retry-failed",
        }
    }

    /// What becomes of a backfill in that state; `None` if it cannot be.
    ///
    /// What has been done already is done again without complaint.
    pub const fn apply(self, state: BackfillState) -> Option<BackfillState> {
        use BackfillState::{Active, Cancelled, CompletedWithErrors, Failed, Paused};
        Some(match (self, state) {
            (Self::Pause, Active | Paused) | (Self::RetryFailed, Paused) => Paused,
            (Self::Resume, Active | Paused)
            | (Self::RetryFailed, CompletedWithErrors | Failed | Active) => Active,
            (Self::Cancel, Active | Paused | Cancelled) => Cancelled,
            _ => return None,
        })
    }

    /// What may be done with a backfill in that state.
    pub fn allowed(state: BackfillState) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |action| action.apply(state).is_some())
    }
}

/// How a backfill stands.
pub const fn status(state: BackfillState, counts: &ChunkCounts) -> Status {
    let is_moving = counts.running > 0;
    match state {
        BackfillState::Active if counts.done + counts.failed + counts.running == 0 => {
            Status::Queued
        }
        BackfillState::Active => Status::Running,
        BackfillState::Paused if is_moving => Status::Pausing,
        BackfillState::Paused => Status::Paused,
        BackfillState::Cancelled if is_moving => Status::Cancelling,
        BackfillState::Cancelled => Status::Cancelled,
        BackfillState::Completed => Status::Completed,
        BackfillState::CompletedWithErrors => Status::CompletedWithErrors,
        BackfillState::Failed => Status::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t56_what_may_follow_upon_what() {
        let table = |state| Action::allowed(state).map(Action::as_str).collect::<Vec<_>>();
        assert_eq!(table(BackfillState::Active), ["pause", "resume", "cancel", "retry-failed"]);
        assert_eq!(table(BackfillState::Paused), ["pause", "resume", "cancel", "retry-failed"]);
        assert_eq!(table(BackfillState::Cancelled), ["cancel"]);
        assert_eq!(table(BackfillState::Completed), [] as [&str; 0]);
        assert_eq!(table(BackfillState::CompletedWithErrors), ["retry-failed"]);
        assert_eq!(table(BackfillState::Failed), ["retry-failed"]);
    }

    #[test]
    fn every_action_told_twice_is_the_same() {
        for state in BackfillState::ALL {
            for action in Action::ALL {
                if let Some(after) = action.apply(state) {
                    assert_eq!(action.apply(after), Some(after), "{action:?} of {state:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_still_on_its_way_is_told() {
        let counts = |running| ChunkCounts { total: 9, done: 1, running, ..ChunkCounts::default() };
        assert_eq!(status(BackfillState::Paused, &counts(1)), Status::Pausing);
        assert_eq!(status(BackfillState::Paused, &counts(0)), Status::Paused);
        assert_eq!(status(BackfillState::Cancelled, &counts(2)), Status::Cancelling);
        assert_eq!(status(BackfillState::Active, &ChunkCounts::default()), Status::Queued);
    }
}
