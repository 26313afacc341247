//! The way of a request: counted, throttled, decided upon, answered, spoiled.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    Decision, Fault, MarketCandle, Reply, fields::Nonsense, gate::Gate, spoil::spoil_rows,
};
use crate::config::Limit;

const UNAVAILABLE_PAGE: &str = "<html><head><title>503 Service Temporarily Unavailable</title>\
    </head><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>";
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>\
    <form method=\"post\" action=\"/login\"><input name=\"user\"></form></body></html>";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// It is never answered.
    Hang,
}

/// What becomes of a request, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Real time to wait first.
    pub(super) delay: Duration,
    /// What happens then.
    pub(super) outcome: Outcome,
}

/// How one provider says what is no data.
pub(super) trait Words {
    /// Too many requests: above a limit, or by a fault.
    fn throttled(&self, above: Option<Limit>) -> Reply;

    /// Its servers fail.
    fn failed(&self) -> Reply;

    /// What a fault of this provider alone answers instead of data.
    fn instead(&self, _fault: Fault) -> Option<Reply> {
        None
    }
}

/// When the newest closed candle of a length opened where days begin at midnight UTC, all in
/// seconds.
pub(super) fn newest_closed(now: i64, length: i64) -> i64 {
    (now.div_euclid(length) - 1) * length
}

/// Data on its way out.
pub(super) trait Page {
    /// The candles it gives, in the provider's order.
    fn rows(&mut self) -> &mut Vec<MarketCandle>;

    /// When the newest closed candle of this length opened, unix seconds.
    fn newest_closed(&self) -> i64;

    /// Applies a fault of this provider alone; `false` where it finds no room.
    fn spoil(&mut self, _fault: Fault) -> bool {
        false
    }

    /// What a bad row of this format may look like.
    fn nonsense(&self) -> &'static [Nonsense] {
        &Nonsense::ALL
    }

    /// The answer, with the row of that number, if any, made into nonsense.
    fn write(&self, bad_row: Option<(usize, Nonsense)>) -> Reply;
}

/// Data without rows, which only faults of whole answers concern.
#[derive(Debug)]
pub(super) struct Plain {
    reply: Reply,
    no_rows: Vec<MarketCandle>,
}

impl Plain {
    pub(super) fn new(reply: Reply) -> Self {
        Self { reply, no_rows: Vec::new() }
    }
}

impl Page for Plain {
    fn rows(&mut self) -> &mut Vec<MarketCandle> {
        &mut self.no_rows
    }

    fn newest_closed(&self) -> i64 {
        0
    }

    fn write(&self, _bad_row: Option<(usize, Nonsense)>) -> Reply {
        self.reply.clone()
    }
}

impl Gate {
    /// Decides a request for data and counts it. `ask` reads it and finds its answer.
    pub(super) fn answer(
        &self,
        words: &impl Words,
        ask: impl FnOnce(DateTime<Utc>) -> Result<Box<dyn Page>, Reply>,
    ) -> Answer {
        if let Err(limit) = self.admit() {
            let outcome = Outcome::Reply(words.throttled(Some(limit)));
            return Answer { delay: Duration::ZERO, outcome };
        }
        let decision = self.decide();
        let mut delay = Duration::ZERO;
        if decision.hits.contains(&Fault::Slow) {
            self.count_fault(Fault::Slow);
            delay = Duration::from_millis(self.faults().slow_millis);
        }
        let outcome = self.replacement(words, &decision).unwrap_or_else(|| {
            Outcome::Reply(match ask(self.now()) {
                Ok(page) => self.spoiled(page, &decision),
                Err(refusal) => self.refuse(refusal),
            })
        });
        Answer { delay, outcome }
    }

    /// Admits and serves a request that no fault concerns.
    pub(super) fn plainly(&self, words: &impl Words, reply: impl FnOnce() -> Reply) -> Reply {
        match self.admit() {
            Ok(()) => self.serve(reply()),
            Err(limit) => words.throttled(Some(limit)),
        }
    }

    /// What the first fault that needs no data makes of the request.
    fn replacement(&self, words: &impl Words, decision: &Decision) -> Option<Outcome> {
        let replace = |fault: &Fault| Some((*fault, replaced_by(*fault, words, self.now())?));
        let (fault, outcome) = decision.hits.iter().find_map(replace)?;
        self.count_fault(fault);
        Some(outcome)
    }

    /// A right answer, and what its faults make of it.
    fn spoiled(&self, mut page: Box<dyn Page>, decision: &Decision) -> Reply {
        let mut chance = SmallRng::seed_from_u64(decision.details);
        let newest_closed = page.newest_closed();
        for fault in &decision.hits {
            let hits = spoil_rows(page.rows(), *fault, newest_closed, &mut chance);
            if hits || page.spoil(*fault) {
                self.count_fault(*fault);
            }
        }
        let rows = page.rows().len();
        let is_bad = decision.hits.contains(&Fault::BadRow) && rows > 0;
        let bad_row = is_bad.then(|| {
            self.count_fault(Fault::BadRow);
            let index = chance.random_range(0..rows);
            let kinds = page.nonsense();
            (index, kinds[chance.random_range(0..kinds.len())])
        });
        let mut reply = page.write(bad_row);
        if decision.hits.contains(&Fault::Torn) {
            self.count_fault(Fault::Torn);
            reply.body.truncate(reply.body.len() / 2);
        }
        self.serve(reply)
    }
}

/// What a fault that needs no data answers at `now`; `None` for the other faults.
fn replaced_by(fault: Fault, words: &impl Words, now: DateTime<Utc>) -> Option<Outcome> {
    let throttled = |retry_after: String| words.throttled(None).with("Retry-After", retry_after);
    let reply = match fault {
        Fault::Hang => return Some(Outcome::Hang),
        Fault::Throttle => words.throttled(None),
        Fault::ThrottleRetryAfter => throttled("1".to_owned()),
        Fault::ThrottleRetryDate => {
            let at = now + TimeDelta::seconds(2);
            throttled(at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
        Fault::ServerError => words.failed(),
        Fault::Unavailable => Reply::html(503, UNAVAILABLE_PAGE),
        Fault::Html => Reply::html(200, LOGIN_PAGE),
        other => words.instead(other)?,
    };
    Some(Outcome::Reply(reply))
}
