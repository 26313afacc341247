//! Dead letters that are acceptable now, landed as what they were: accounts received some time ago.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use super::{Book, Books, IngestError, Landed, Lander, Recorder};
use crate::{
    lake::{Lake, LandedCandle},
    market::{Candle, Fact, RecordKind, Series, Subject, Window},
    providers::Providers,
    quality::{DeadLetter, Verdict},
    store::Store,
};

/// What becomes of one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Landed,
    /// The lake has the same, or a newer account of the candle.
    Unchanged,
    /// And why, by the rules of today.
    Refused(String),
    /// And who could do something about it.
    NotReplayable(String),
}

/// What has become of some letters, and what landed.
#[derive(Debug, Default)]
pub struct Replay {
    /// By the ids of the letters.
    pub outcomes: Vec<(String, Outcome)>,
    pub landed: Vec<(Series, Landed)>,
}

/// Judges dead letters again and lands those that pass.
#[derive(Debug)]
pub struct Replayer {
    pub(super) store: Store,
    pub(super) providers: Providers,
    pub(super) books: Arc<Books>,
    lake: Lake,
    lander: Arc<Lander>,
    recorder: Arc<Recorder>,
    /// Whoever decides about letters: two at once would tell the same letters twice.
    pub turn: tokio::sync::Mutex<()>,
}

/// Candles between the first and the last that one look into the lake may span.
const SPAN: i64 = 20_000;

/// A letter of which something may land.
struct Passed {
    id: String,
    is_row: bool,
    verdict: Verdict,
}

impl Passed {
    fn open_time(&self) -> DateTime<Utc> {
        self.verdict.valid.window().start
    }

    fn received_at(&self) -> DateTime<Utc> {
        self.verdict.valid.provenance().extracted_at
    }

    fn first(&self) -> Candle {
        self.verdict.valid.candles().get(0)
    }

    /// Whether the lake has all of it, or something newer.
    fn is_known(&self, known: &HashMap<DateTime<Utc>, LandedCandle>) -> bool {
        let is_known = |candle: Candle| {
            known.get(&candle.open_time).is_some_and(|known| {
                known.candle.has_values_of(&candle) || known.extracted_at >= self.received_at()
            })
        };
        self.verdict.valid.candles().iter().all(is_known)
    }
}

impl Replayer {
    pub fn new(
        (lake, store, providers): (&Lake, &Store, &Providers),
        books: &Arc<Books>,
        (lander, recorder): (&Arc<Lander>, &Arc<Recorder>),
    ) -> Self {
        Self {
            store: store.clone(),
            providers: providers.clone(),
            books: books.clone(),
            lake: lake.clone(),
            lander: lander.clone(),
            recorder: recorder.clone(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Judges letters, given with their bytes, and lands what passes unless it is only asked what
    /// would. Whether the letters are still open afterwards is up to the caller: doing it again lands
    /// nothing twice.
    pub fn replay(
        &self,
        letters: Vec<DeadLetter>,
        dry_run: bool,
    ) -> BoxFuture<'_, Result<Replay, IngestError>> {
        Box::pin(async move {
            let mut replay = Replay::default();
            let mut passed: BTreeMap<Series, Vec<Passed>> = BTreeMap::new();
            let mut records: BTreeMap<RecordKind, Vec<DeadLetter>> = BTreeMap::new();
            for letter in letters {
                if let Subject::Records(kind) = letter.subject {
                    records.entry(kind).or_default().push(letter);
                    continue;
                }
                let again = self.again(&letter).await?;
                match (again, letter.subject) {
                    (Ok(verdict), Subject::Series(series)) => {
                        let is_row = letter.expectation != "readable_answer";
                        let one = Passed { id: letter.id, is_row, verdict };
                        passed.entry(series).or_default().push(one);
                    }
                    (Ok(_), _) => {}
                    (Err(outcome), _) => replay.outcomes.push((letter.id, outcome)),
                }
            }
            for (series, letters) in passed {
                let Some(book) = self.books.get(&series) else { continue };
                self.replay_series(&book, letters, dry_run, &mut replay).await?;
            }
            for (kind, letters) in records {
                replay.outcomes.extend(self.recorder.again(kind, letters, dry_run).await?);
            }
            Ok(replay)
        })
    }

    async fn replay_series(
        &self,
        book: &Arc<Book>,
        letters: Vec<Passed>,
        dry_run: bool,
        replay: &mut Replay,
    ) -> Result<(), IngestError> {
        let (mut rows, answers): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| letter.is_row);
        rows.sort_by_key(|letter| (letter.open_time(), letter.received_at()));
        let rows = newest_of_each(rows, &mut replay.outcomes);
        let mut landings = Vec::new();
        for stretch in stretches(rows, book.series()) {
            landings.push(self.news(book, stretch, &mut replay.outcomes).await?);
        }
        for answer in answers {
            landings.push(self.news(book, vec![answer], &mut replay.outcomes).await?);
        }
        for letters in landings.into_iter().filter(|letters| !letters.is_empty()) {
            if dry_run {
                let landed = letters.into_iter().map(|letter| (letter.id, Outcome::Landed));
                replay.outcomes.extend(landed);
                continue;
            }
            let is_one_answer = letters.iter().any(|letter| !letter.is_row);
            let (ids, verdicts): (Vec<_>, Vec<_>) =
                letters.into_iter().map(|letter| (letter.id, letter.verdict)).unzip();
            let landed = self.lander.land_late(book, verdicts).await?;
            // Something newer may have landed since the lake was asked.
            let count = if is_one_answer { landed.rows.min(1) } else { landed.rows };
            replay.outcomes.extend(
                ids.into_iter().enumerate().map(|(n, id)| {
                    (id, if n < count { Outcome::Landed } else { Outcome::Unchanged })
                }),
            );
            replay.landed.push((book.series().clone(), landed));
        }
        Ok(())
    }

    /// Those of which the lake does not have everything, or something newer, already.
    async fn news(
        &self,
        book: &Book,
        letters: Vec<Passed>,
        outcomes: &mut Vec<(String, Outcome)>,
    ) -> Result<Vec<Passed>, IngestError> {
        let windows = letters.iter().map(|letter| letter.verdict.valid.window());
        let Some(all) = windows
            .reduce(|all, next| Window::new(all.start.min(next.start), all.end.max(next.end)))
        else {
            return Ok(letters);
        };
        let has_landed =
            book.with_ledger(|ledger| ledger.facts(all).any(|run| run.value == Fact::Final));
        let mut known = HashMap::new();
        if has_landed {
            let table = self.lake.candles(book.series().timeframe);
            let landed = table.candles(book.series(), all).await?;
            known.extend(landed.into_iter().map(|known| (known.candle.open_time, known)));
        }
        let (old, new): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| letter.is_known(&known));
        outcomes.extend(old.into_iter().map(|letter| (letter.id, Outcome::Unchanged)));
        Ok(new)
    }
}

/// The newest account of each candle, of rows in order of time. Where two are as new and differ,
/// none is.
fn newest_of_each(rows: Vec<Passed>, outcomes: &mut Vec<(String, Outcome)>) -> Vec<Passed> {
    let mut newest: Vec<Passed> = Vec::new();
    let mut candles: BTreeMap<DateTime<Utc>, Vec<Passed>> = BTreeMap::new();
    for row in rows {
        candles.entry(row.open_time()).or_default().push(row);
    }
    for mut accounts in candles.into_values() {
        let Some(last) = accounts.pop() else { continue };
        let disagrees = |other: &&Passed| {
            other.received_at() == last.received_at() && !other.first().has_values_of(&last.first())
        };
        if accounts.iter().any(|other| disagrees(&other)) {
            let why =
                "letters of one answer give the candle different values; discard the wrong ones";
            let all = accounts.into_iter().chain([last]);
            outcomes.extend(all.map(|letter| (letter.id, Outcome::Refused(why.to_owned()))));
            continue;
        }
        outcomes.extend(accounts.into_iter().map(|letter| (letter.id, Outcome::Unchanged)));
        newest.push(last);
    }
    newest
}

/// Cut where one look into the lake would span too much.
fn stretches(rows: Vec<Passed>, series: &Series) -> Vec<Vec<Passed>> {
    let mut all: Vec<Vec<Passed>> = Vec::new();
    for row in rows {
        let begins = all.last().and_then(|stretch| stretch.first()).map(Passed::open_time);
        let fits = |begins| Window::new(begins, row.open_time()).candles(series.timeframe) < SPAN;
        match all.last_mut() {
            Some(stretch) if begins.is_some_and(fits) => stretch.push(row),
            _ => all.push(vec![row]),
        }
    }
    all
}
