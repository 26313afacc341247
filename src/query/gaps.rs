//! Every candle that is owed, why it is not there, and when it is asked for next.

use chrono::{DateTime, TimeDelta, Utc};

use crate::market::{Fact, Ledger, Run, Window};

/// Why a candle that is owed is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its turn has not come yet.
    NeverAsked,
    /// Somebody has it asked for again.
    Rewound,
    /// Answers lacked it; one or several more, some time apart, and it does not exist.
    AwaitingConfirmation,
    /// Answers lacked it, and as long as no candle follows nothing can be concluded.
    NoFollower,
    /// The provider has failed repeatedly and is not asked for a while.
    CircuitOpen,
    /// The account's requests are used up.
    QuotaExhausted,
    /// The last question failed.
    ProviderFailing,
    /// The provider is passed over for lack of a setting.
    NoCredentials,
    /// The finer candles it is made of are not complete.
    WaitingForChildren,
    /// It is asked for only while those before it give nothing.
    StandsIn,
    /// Nobody asks for the series.
    NotKept,
}

impl Reason {
    pub const ALL: [Self; 11] = [
        Self::NeverAsked,
        Self::Rewound,
        Self::AwaitingConfirmation,
        Self::NoFollower,
        Self::CircuitOpen,
        Self::QuotaExhausted,
        Self::ProviderFailing,
        Self::NoCredentials,
        Self::WaitingForChildren,
        Self::StandsIn,
        Self::NotKept,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverAsked => "never_asked",
            Self::Rewound => "rewound",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::NoFollower => "no_follower",
            Self::CircuitOpen => "circuit_open",
            Self::QuotaExhausted => "quota_exhausted",
            Self::ProviderFailing => "provider_failing",
            Self::NoCredentials => "no_credentials",
            Self::WaitingForChildren => "waiting_for_children",
            Self::StandsIn => "stands_in",
            Self::NotKept => "not_kept",
        }
    }
}

/// Neighbours that are owed for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub window: Window,
    pub reason: Reason,
    /// `None` if it is not asked for by the clock.
    pub next_question_at: Option<DateTime<Utc>>,
}

/// How candles of a series are asked for at present.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub now: DateTime<Utc>,
    pub reask_after: TimeDelta,
    /// What keeps all of them from being asked for, and until when.
    pub obstacle: Option<(Reason, Option<DateTime<Utc>>)>,
}

/// The gaps of a series before `due`, oldest first; together they are all that is owed.
pub fn gaps(ledger: &Ledger, due: DateTime<Utc>, asked: Asked) -> Vec<Gap> {
    let last = ledger.last_final(DateTime::<Utc>::MAX_UTC);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut push = |next: Gap| match gaps.last_mut() {
        Some(gap) if gap.window.end == next.window.start && gap.reason == next.reason => {
            gap.window.end = next.window.end;
            gap.next_question_at = gap.next_question_at.min(next.next_question_at);
        }
        _ => gaps.push(next),
    };
    for owed in ledger.gaps(due) {
        let mut at = owed.window.start;
        for run in ledger.facts(owed.window) {
            push_unasked(Window::new(at, run.window.start), asked, &mut push);
            push(reason(run, last, asked));
            at = run.window.end;
        }
        push_unasked(Window::new(at, owed.window.end), asked, &mut push);
    }
    gaps
}

fn push_unasked(window: Window, asked: Asked, push: &mut impl FnMut(Gap)) {
    if !window.is_empty() {
        push(gap(window, Reason::NeverAsked, Some(asked.now), asked));
    }
}

fn reason(run: Run<Fact>, last: Option<DateTime<Utc>>, asked: Asked) -> Gap {
    let again = |asked_at| {
        let asked_at = DateTime::from_timestamp_micros(asked_at).unwrap_or_default();
        Some((asked_at + asked.reask_after).max(asked.now))
    };
    let is_followed = last.is_some_and(|last| run.window.start < last);
    match run.value {
        Fact::Doubted { asks: 0, .. } => gap(run.window, Reason::Rewound, Some(asked.now), asked),
        Fact::Doubted { asked_at, .. } => gap(run.window, Reason::Rewound, again(asked_at), asked),
        Fact::Absent { asked_at, .. } if is_followed => {
            gap(run.window, Reason::AwaitingConfirmation, again(asked_at), asked)
        }
        // Every poll asks for it.
        _ => gap(run.window, Reason::NoFollower, Some(asked.now), asked),
    }
}

/// What keeps the whole series from being asked for is the reason of every gap.
fn gap(window: Window, reason: Reason, at: Option<DateTime<Utc>>, asked: Asked) -> Gap {
    match asked.obstacle {
        None => Gap { window, reason, next_question_at: at },
        Some((reason, until)) => {
            let next_question_at = until.map(|until| at.map_or(until, |at| at.max(until)));
            Gap { window, reason, next_question_at }
        }
    }
}
