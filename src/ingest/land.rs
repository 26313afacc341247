//! The one way into the lake: verdicts of one series become rows and facts, together or not at all.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Book, Books, IngestError, Policy,
    evidence::{self, Answer, Findings},
    group::{Groups, Landing},
    import,
    known::{self, Account, Newest, Part},
};
use crate::{
    clock::Clock,
    config::LakeConfig,
    crash,
    fleet::Fleet,
    lake::{Append, Lake, LandingRecord, Rows},
    lifecycle::Lifecycle,
    market::{Fact, Run, Timeframe, Window},
    quality::{DeadLetter, Verdict},
    store::Store,
    telemetry::Metrics,
};

/// What became of one landing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Landed {
    /// Rows appended, revisions among them.
    pub rows: usize,
    pub revised: usize,
    pub unchanged: usize,
    pub refused: usize,
    pub unfinished: usize,
    /// What the landing was about, from its first window to its last.
    pub window: Option<Window>,
}

/// Every source ends here.
#[derive(Debug)]
pub struct Lander {
    lake: Lake,
    store: Store,
    fleet: Arc<Fleet>,
    metrics: Metrics,
    groups: Groups,
}

impl Lander {
    /// Starts one committing task per table.
    pub fn start(
        lake: &Lake,
        store: &Store,
        (books, fleet): (&Arc<Books>, &Arc<Fleet>),
        metrics: &Metrics,
        (clock, lifecycle): (&Arc<dyn Clock>, &Lifecycle),
        config: &LakeConfig,
    ) -> Self {
        let groups = Groups::start(lake, store, (books, fleet), clock, lifecycle, config);
        let (lake, store, fleet) = (lake.clone(), store.clone(), fleet.clone());
        Self { lake, store, fleet, metrics: metrics.clone(), groups }
    }

    /// Lands what was answered about one series: `verdicts` on disjoint windows, oldest first.
    ///
    /// When this returns `Ok`, the rows are in the lake, the facts in the store, and what was
    /// refused among the dead letters. After an error the same landing may be tried again. A provider
    /// that another replica answers for lands nothing here.
    pub async fn land(
        &self,
        book: &Arc<Book>,
        verdicts: Vec<Verdict>,
        policy: Policy,
    ) -> Result<Landed, IngestError> {
        self.land_account(book, verdicts, policy, Account::Newest).await
    }

    /// Lands what was received some time ago. It takes the place of nothing newer, and proves nothing
    /// about candles that it does not have.
    pub(super) async fn land_late(
        &self,
        book: &Arc<Book>,
        verdicts: Vec<Verdict>,
    ) -> Result<Landed, IngestError> {
        self.land_account(book, verdicts, import::POLICY, Account::Late).await
    }

    /// Has what others have landed in a timeframe's table taken in soon.
    pub fn take_in(&self, timeframe: Timeframe) {
        self.groups.take_in(timeframe);
    }

    async fn land_account(
        &self,
        book: &Arc<Book>,
        verdicts: Vec<Verdict>,
        policy: Policy,
        account: Account,
    ) -> Result<Landed, IngestError> {
        let _turn = book.turn.lock().await;
        let provider = &book.series().provider;
        if !self.fleet.serves(provider) {
            return Err(IngestError::NotServed { provider: provider.clone() });
        }
        let refused: Vec<DeadLetter> =
            verdicts.iter().flat_map(|verdict| verdict.refused.iter().cloned()).collect();
        if !refused.is_empty() {
            self.store.keep(&refused).await?;
            crash::point("dead_letters_kept");
        }
        let findings = weigh(book, &verdicts, policy);
        let mut landed = self.tally(book, &verdicts, &findings);
        let (rows, newest) = self.news(book, verdicts, &mut landed, account).await?;
        let facts: Vec<Run<Fact>> =
            findings.into_iter().flat_map(|findings| findings.facts).collect();
        if rows.is_empty() {
            if !facts.is_empty() {
                self.store.record(&[book.note(&facts)], None).await?;
                book.saved();
            }
            return Ok(landed);
        }
        let series = book.series().clone();
        let record = LandingRecord::new(series, book.landings() + 1, Uuid::now_v7(), &facts);
        let landing = Landing { book: book.clone(), append: Append { record, rows } };
        if let Err(error) = self.groups.commit(landing).await {
            // The rows may be in the lake all the same, and the tail would deny it.
            book.forget_tail();
            return Err(error);
        }
        book.remember(newest);
        self.count(book, &landed);
        Ok(landed)
    }

    /// Counts what does not depend on the lake.
    fn tally(&self, book: &Book, verdicts: &[Verdict], findings: &[Findings]) -> Landed {
        let series = book.series();
        let labels = [series.provider.as_str(), series.timeframe.as_str()];
        let windows = verdicts.iter().map(|verdict| verdict.valid.window());
        let window = windows.reduce(|all, next| Window::new(all.start, next.end));
        let mut landed = Landed { window, ..Landed::default() };
        for verdict in verdicts {
            landed.refused += verdict.refused.len();
            landed.unfinished += verdict.unfinished;
            for letter in &verdict.refused {
                let labels = [series.provider.as_str(), letter.expectation.as_str()];
                self.metrics.candles_refused.with_label_values(&labels).inc();
            }
            for (expectation, count) in &verdict.warnings {
                let labels = [series.provider.as_str(), expectation];
                self.metrics.candles_warned.with_label_values(&labels).inc_by(*count as u64);
            }
        }
        for findings in findings {
            if findings.is_suspicious {
                self.metrics.suspicious_answers.with_label_values(&labels).inc();
            }
            let (confirmed, overturned) = (findings.confirmed, findings.overturned);
            self.metrics.no_trade_confirmed.with_label_values(&labels).inc_by(confirmed);
            self.metrics.no_trade_overturned.with_label_values(&labels).inc_by(overturned);
        }
        landed
    }

    /// The rows that are news, and what the tail learns once they have landed.
    async fn news(
        &self,
        book: &Book,
        verdicts: Vec<Verdict>,
        landed: &mut Landed,
        account: Account,
    ) -> Result<(Vec<Rows>, Option<Newest>), IngestError> {
        let table = self.lake.candles(book.series().timeframe);
        let (mut rows, mut windows) = (Vec::new(), Vec::new());
        for verdict in verdicts {
            let window = verdict.valid.window();
            let known = known::known(book, table, window).await?;
            let news = known::news(verdict.valid, &known, account);
            landed.unchanged += news.unchanged;
            landed.revised += news.revised;
            landed.rows += news.rows.revisions.len();
            rows.push(news.rows);
            windows.push((window, known));
        }
        let parts: Vec<Part<'_>> = windows
            .iter()
            .zip(&rows)
            .map(|((window, known), rows)| Part { window: *window, known, rows })
            .collect();
        let newest = Newest::of(&parts);
        rows.retain(|part| !part.revisions.is_empty());
        Ok((rows, newest))
    }

    fn count(&self, book: &Book, landed: &Landed) {
        let series = book.series();
        let labels = [series.provider.as_str(), series.timeframe.as_str()];
        let of = |counter: &prometheus::IntCounterVec, count: usize| {
            counter.with_label_values(&labels).inc_by(count as u64);
        };
        of(&self.metrics.candles_landed, landed.rows);
        of(&self.metrics.candles_revised, landed.revised);
        of(&self.metrics.candles_unchanged, landed.unchanged);
        of(&self.metrics.candles_unfinished, landed.unfinished);
    }
}

fn weigh(book: &Book, verdicts: &[Verdict], policy: Policy) -> Vec<Findings> {
    let timeframe = book.series().timeframe;
    let weigh = |verdict: &Verdict| {
        let refused = verdict.refused.iter().filter_map(|letter| letter.open_time);
        let on_grid = refused.filter(|at| timeframe.is_open_time(*at));
        let answer = Answer {
            window: verdict.valid.window(),
            valid: &verdict.valid.candles().open_time,
            refused: on_grid.collect(),
            asked_at: verdict.valid.provenance().extracted_at,
        };
        book.with_ledger(|ledger| evidence::findings(ledger, timeframe, &answer, policy))
    };
    verdicts.iter().map(weigh).collect()
}
