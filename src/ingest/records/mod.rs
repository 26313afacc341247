//! Decisions and executions on their way into the lake, each revision once.
//!
//! The lake alone tells what has landed. A document that says the same as any revision of its record
//! adds nothing, so whoever did not get an answer sends it again. Any replica takes documents: what it
//! is about to add is worked out from the newest commit and committed right after it, or worked out
//! anew.

mod desk;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use self::desk::{Desk, Incoming, Landing};
use super::{IngestError, Outcome};
use crate::{
    clock::Clock,
    crash,
    fleet::Fleet,
    lake::Lake,
    lifecycle::Lifecycle,
    market::{RecordKind, Subject},
    quality::DeadLetter,
    records::{Fault, Judged, PROFIT_ADDS_UP, judge},
    store::Store,
    telemetry::Metrics,
};

/// What has become of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// For the first time.
    Landed,
    /// As a revision of what had landed before.
    Revised,
    /// It says what a revision that has landed says.
    Unchanged,
    /// It is kept under that name.
    Refused { fault: Fault, dead_letter: String },
}

/// Where documents are taken.
#[derive(Debug)]
pub struct Recorder {
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    desks: BTreeMap<RecordKind, Desk>,
}

impl Recorder {
    /// Starts one committing task per table.
    pub fn start(
        (lake, store): (&Lake, &Store),
        (clock, metrics, lifecycle): (&Arc<dyn Clock>, &Metrics, &Lifecycle),
        fleet: &Arc<Fleet>,
    ) -> Arc<Self> {
        let desk = |kind: RecordKind| (kind, Desk::start(lake.records(kind), fleet, lifecycle));
        let recorder = Self {
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            desks: RecordKind::ALL.into_iter().map(desk).collect(),
        };
        // Known from the start, so that rates have a beginning.
        for kind in RecordKind::ALL {
            for outcome in ["landed", "revised", "unchanged", "refused"] {
                recorder.count(kind, outcome, 0);
            }
        }
        metrics
            .record_warnings
            .with_label_values(&[RecordKind::Execution.table(), PROFIT_ADDS_UP])
            .inc_by(0);
        Arc::new(recorder)
    }

    /// Judges documents, keeps what is refused and lands the rest; tells what became of each once that
    /// is in the lake for good. `source` says how they came.
    pub fn accept<'a>(
        &'a self,
        kind: RecordKind,
        documents: Vec<Bytes>,
        source: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Fate>, IngestError>> {
        Box::pin(async move {
            let now = self.clock.now();
            // The lake counts microseconds.
            let received_at =
                DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now);
            let (mut good, mut letters, mut fates) = (Vec::new(), Vec::new(), Vec::new());
            for document in documents {
                match incoming(kind, &document, (source, received_at)) {
                    Ok((incoming, warnings)) => {
                        fates.push(None);
                        good.push((incoming, warnings));
                    }
                    Err(fault) => {
                        let letter = letter(kind, document, &fault, (source, received_at));
                        let dead_letter = letter.id.clone();
                        letters.push(letter);
                        fates.push(Some(Fate::Refused { fault, dead_letter }));
                    }
                }
            }
            if !letters.is_empty() {
                self.store.keep(&letters).await?;
                crash::point("dead_letters_kept");
                self.count(kind, "refused", letters.len());
            }
            let mut landed = self.land(kind, good).await?.into_iter();
            let fate = |refused: Option<Fate>| refused.or_else(|| landed.next().map(Fate::from));
            Ok(fates.into_iter().filter_map(fate).collect())
        })
    }

    /// Judges dead letters again and lands those that pass, unless it is only asked what would. They
    /// count as received when they were, so one that has been overtaken adds nothing.
    pub(super) async fn again(
        &self,
        kind: RecordKind,
        letters: Vec<DeadLetter>,
        dry_run: bool,
    ) -> Result<Vec<(String, Outcome)>, IngestError> {
        let (mut ids, mut good, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for letter in letters {
            match incoming(kind, &letter.raw, (&letter.source, letter.extracted_at)) {
                Ok((incoming, warnings)) => {
                    ids.push(letter.id);
                    good.push((Incoming { may_be_overtaken: true, ..incoming }, warnings));
                }
                Err(fault) => outcomes.push((letter.id, Outcome::Refused(told(&fault)))),
            }
        }
        let landings = if dry_run {
            let incoming: Vec<Incoming> = good.into_iter().map(|(incoming, _)| incoming).collect();
            self.desks[&kind].foresee(&incoming).await?
        } else {
            self.land(kind, good).await?
        };
        let outcome = |landing| match landing {
            Landing::Unchanged => Outcome::Unchanged,
            Landing::Landed | Landing::Revised => Outcome::Landed,
        };
        outcomes.extend(ids.into_iter().zip(landings.into_iter().map(outcome)));
        Ok(outcomes)
    }

    async fn land(
        &self,
        kind: RecordKind,
        good: Vec<(Incoming, Vec<&'static str>)>,
    ) -> Result<Vec<Landing>, IngestError> {
        if good.is_empty() {
            return Ok(Vec::new());
        }
        let (incoming, warnings): (Vec<_>, Vec<_>) = good.into_iter().unzip();
        let landings = self.desks[&kind].land(incoming).await?;
        for (landing, warnings) in landings.iter().zip(warnings) {
            self.count(kind, landing.outcome(), 1);
            let has_landed = *landing != Landing::Unchanged;
            for expectation in warnings.into_iter().filter(|_| has_landed) {
                let labels = [kind.table(), expectation];
                self.metrics.record_warnings.with_label_values(&labels).inc();
            }
        }
        Ok(landings)
    }

    fn count(&self, kind: RecordKind, outcome: &str, count: usize) {
        self.metrics.records.with_label_values(&[kind.table(), outcome]).inc_by(count as u64);
    }
}

impl From<Landing> for Fate {
    fn from(landing: Landing) -> Self {
        match landing {
            Landing::Landed => Self::Landed,
            Landing::Revised => Self::Revised,
            Landing::Unchanged => Self::Unchanged,
        }
    }
}

fn incoming(
    kind: RecordKind,
    document: &[u8],
    (source, received_at): (&str, DateTime<Utc>),
) -> Result<(Incoming, Vec<&'static str>), Fault> {
    let Judged { record, warnings } = judge(kind, document, received_at)?;
    // What was read as JSON is UTF-8.
    let raw = String::from_utf8_lossy(document).into_owned();
    let source = source.to_owned();
    Ok((Incoming { record, raw, received_at, source, may_be_overtaken: false }, warnings))
}

fn letter(
    kind: RecordKind,
    document: Bytes,
    fault: &Fault,
    from: (&str, DateTime<Utc>),
) -> DeadLetter {
    let subject = Subject::from(kind);
    DeadLetter::new(subject, None, fault.expectation, fault.to_string(), document, from)
}

fn told(fault: &Fault) -> String {
    format!("{}: {fault}", fault.expectation)
}
