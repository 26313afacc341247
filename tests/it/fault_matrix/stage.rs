//! One daemon, one series, one fault: before it, while it lasts, and after it has passed.

use std::{collections::BTreeSet, sync::Arc};

use barkeep::{
    ingest::Book,
    market::{CandleState, Ledger, Timeframe, Window},
    query::Verdict,
    simulate::{Fault, SimulatedProvider, SimulationConfig, audit},
    store::DeadLetterFilter,
};
use chrono::{DateTime, Utc};

use crate::support::test_app::{Setup, TestApp, seconds};

/// What no log and no dead letter may repeat.
pub(super) const KEYS: [&str; 2] = ["OANDATOKEN77", "VANTAGEKEY88"];

const SETTINGS: &[(&str, &str)] = &[
    ("PROVIDERS__COINBASE__RETRIES", "0"),
    ("PROVIDERS__OANDA__RETRIES", "0"),
    ("PROVIDERS__OANDA__TOKEN", KEYS[0]),
    ("PROVIDERS__ALPHA_VANTAGE__RETRIES", "0"),
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", KEYS[1]),
    ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ("INGEST__PROVIDERS", "coinbase,oanda,alpha_vantage"),
];

/// Hanging up takes real time.
const HASTY: &[(&str, &str)] = &[
    ("PROVIDERS__COINBASE__REQUEST_TIMEOUT", "2s"),
    ("PROVIDERS__OANDA__REQUEST_TIMEOUT", "2s"),
    ("PROVIDERS__ALPHA_VANTAGE__REQUEST_TIMEOUT", "2s"),
];

/// So many ticks the fault lasts: longer than a series may be late.
const MINUTES: usize = 6;

/// The daemon, and the one series it keeps.
struct Stage {
    app: TestApp,
    provider: SimulatedProvider,
    book: Arc<Book>,
    /// Of the assertions.
    title: String,
}

/// The words of the table for one fault that lasts a while.
pub(super) async fn watch(provider: SimulatedProvider, fault: Fault) -> Vec<String> {
    let stage = Stage::open(provider, fault).await;
    let due = stage.due();
    stage.app.set_faults(&[&format!("{provider}:{}=1", fault.name()), "slow_millis=20"]);
    stage.app.clock.advance(seconds(60));
    let outcome = stage.poll().await.map_or_else(|error| error.outcome(), |()| "ok");
    for _ in 0..MINUTES {
        stage.app.round().await;
        stage.app.clock.advance(seconds(60));
    }
    let _ = stage.poll().await;
    let seen = [
        stage.effect(fault),
        outcome,
        stage.landed_since(due),
        &stage.letters().await,
        stage.answers(),
        stage.circuit(),
        stage.verdict().as_str(),
        &stage.first_cause().await,
    ];
    let seen = seen.map(str::to_owned).to_vec();
    stage.examine();
    stage.recover().await;
    seen
}

impl Stage {
    /// An hour into the session of New York every market is open.
    async fn open(provider: SimulatedProvider, fault: Fault) -> Self {
        let (assets, series) = match provider {
            SimulatedProvider::Coinbase => ("BTCUSD", "coinbase/BTCUSD/1m"),
            SimulatedProvider::Oanda => ("EURUSD", "oanda/EURUSD/1m"),
            SimulatedProvider::AlphaVantage => ("IBM", "alpha_vantage/IBM/1m"),
        };
        let now = "2024-03-06T15:30:30Z";
        // Every minute is traded, so that whatever counts as "no trade" is a mistake.
        let simulation = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
        let haste = if fault == Fault::Hang { HASTY } else { &[] };
        let setup = Setup {
            now,
            assets,
            history: "2h",
            simulation,
            settings: [SETTINGS, haste].concat().leak(),
            ..Setup::default()
        };
        let app = TestApp::with(setup).await;
        let book = app.app.books.get(&series.parse().unwrap()).unwrap();
        let title = format!("{provider} {}", fault.name());
        let stage = Self { app, provider, book, title };
        stage.app.settle().await;
        // Waiting for answers has moved time; every fault begins at the same second of a minute.
        stage.app.clock.set(Timeframe::M1.ceil(stage.app.now()) + seconds(30));
        stage
    }

    fn due(&self) -> DateTime<Utc> {
        self.app.due(self.book.series())
    }

    async fn poll(&self) -> Result<(), barkeep::ingest::IngestError> {
        self.app.poll(&self.book.series().to_string()).await
    }

    /// Whether the fault found room in any answer.
    fn effect(&self, fault: Fault) -> &'static str {
        let counters = self.app.exchange.counters(self.provider);
        if counters.faults.contains_key(fault.name()) { "strikes" } else { "misses" }
    }

    /// Candles of the market from `start` to what is due, and those of them that are in the lake.
    fn candles_from(&self, start: DateTime<Utc>) -> (BTreeSet<DateTime<Utc>>, usize) {
        let (start, end) = (start.timestamp(), self.due().timestamp());
        let instrument = &self.book.series().instrument;
        let truth = self.app.exchange.truth(instrument, 60, start, end);
        let open_time = |secs| DateTime::from_timestamp(secs, 0).unwrap();
        let told: BTreeSet<_> = truth.iter().map(|candle| open_time(candle.open_time)).collect();
        let finals = told.intersection(&self.in_state(CandleState::Final)).count();
        (told, finals)
    }

    fn in_state(&self, state: CandleState) -> BTreeSet<DateTime<Utc>> {
        let states = self.book.with_ledger(|ledger| {
            ledger.states(Window::new(ledger.origin(), self.due().max(ledger.origin())))
        });
        let runs = states.into_iter().filter(|run| run.value == state);
        runs.flat_map(|run| run.window.open_times(Timeframe::M1).collect::<Vec<_>>()).collect()
    }

    fn landed_since(&self, due: DateTime<Utc>) -> &'static str {
        let (told, landed) = self.candles_from(due);
        assert!(told.len() > MINUTES / 2, "{}: a market without trades", self.title);
        match landed {
            0 => "nothing",
            landed if landed == told.len() => "all",
            _ => "some",
        }
    }

    /// The expectations of all dead letters; what is wrong with a single row is chance.
    async fn letters(&self) -> String {
        let filter = DeadLetterFilter::default();
        let letters = self.app.app.store.dead_letters(&filter, 1_000).await.unwrap();
        let mut kinds = BTreeSet::new();
        for kept in letters {
            let whole = self.app.app.store.dead_letter(&kept.letter.id).await.unwrap();
            let text = format!("{whole:?}");
            assert!(KEYS.iter().all(|key| !text.contains(key)), "{}: {text}", self.title);
            let expectation = kept.letter.expectation;
            let is_row = !matches!(expectation.as_str(), "readable_answer" | "no_conflict");
            kinds.insert(if is_row { "row".to_owned() } else { expectation });
        }
        if kinds.is_empty() {
            return "-".to_owned();
        }
        kinds.into_iter().collect::<Vec<_>>().join("+")
    }

    fn answers(&self) -> &'static str {
        let labels = [self.provider.name(), "1m"];
        let suspicious = self.app.app.metrics.suspicious_answers.with_label_values(&labels).get();
        if suspicious > 0 { "suspicious" } else { "-" }
    }

    fn circuit(&self) -> &'static str {
        let provider = self.app.app.providers.get(&self.book.series().provider).unwrap();
        match provider.client().circuit() {
            barkeep::providers::Circuit::Closed => "closed",
            barkeep::providers::Circuit::HalfOpen => "half_open",
            barkeep::providers::Circuit::Open => "open",
        }
    }

    fn verdict(&self) -> Verdict {
        self.app.app.freshness(&self.book, self.app.now()).verdict
    }

    /// What the daemon says is the matter; never with a key in it.
    async fn first_cause(&self) -> String {
        let route = format!("/v1/series/{}/explain", self.book.series());
        let told = self.app.get(&route).await;
        assert!(KEYS.iter().all(|key| !told.text().contains(key)), "{}", self.title);
        let told = told.ok();
        assert_eq!(told["verdict"], self.verdict().as_str(), "{}", self.title);
        let causes = told["causes"].as_array().unwrap();
        for cause in causes {
            let text = cause["text"].as_str().unwrap();
            assert!(text.len() > 10, "{}: {text}", self.title);
        }
        if self.circuit() == "open" {
            let codes: Vec<_> = causes.iter().map(|cause| &cause["code"]).collect();
            assert!(codes.contains(&&"circuit_open".into()), "{}: {codes:?}", self.title);
        }
        causes.first().map_or("-", |cause| cause["code"].as_str().unwrap()).to_owned()
    }

    /// What must hold at any time, whatever goes wrong.
    fn examine(&self) {
        let title = &self.title;
        for state in [CandleState::NoTrade, CandleState::BeforeHistory, CandleState::Waived] {
            assert!(self.in_state(state).is_empty(), "{title}: {state:?} is not so");
        }
        let origin = self.book.with_ledger(Ledger::origin);
        let (told, _) = self.candles_from(origin);
        let watermark = self.book.with_ledger(|ledger| ledger.watermark(self.due()));
        let [landed, refused] =
            [CandleState::Final, CandleState::Quarantined].map(|state| self.in_state(state));
        let passed = told.iter().filter(|at| **at < watermark);
        let unknown: Vec<_> =
            passed.filter(|at| !landed.contains(at) && !refused.contains(at)).collect();
        assert!(unknown.is_empty(), "{title}: the watermark has passed {unknown:?}");
        if let Some(trouble) = self.book.trouble() {
            let text = trouble.message;
            assert!(KEYS.iter().all(|key| !text.contains(key)), "{title}: {text}");
        }
    }

    /// The fault ends; Barkeep notices as soon as it asks again, and then lacks nothing.
    async fn recover(&self) {
        self.app.set_faults(&[]);
        let title = &self.title;
        let mut refusals = 0;
        while let Err(error) = self.poll().await {
            refusals += 1;
            assert!(refusals < 3, "{title}: {error}");
            self.app.clock.set(error.until().unwrap_or_else(|| panic!("{title}: {error}")));
        }
        self.app.settle().await;
        let found = audit(&self.app.app, self.app.exchange.market()).await.unwrap();
        self.examine();
        assert!(found.is_clean() && found.agree > 0, "{title}: {found:?}");
        let origin = self.book.with_ledger(Ledger::origin);
        let (told, landed) = self.candles_from(origin);
        let refused = self.in_state(CandleState::Quarantined).len();
        assert_eq!(landed + refused, told.len(), "{title}");
        assert!(matches!(self.verdict(), Verdict::Fresh | Verdict::Closed), "{title}");
        assert_eq!((self.book.trouble(), self.circuit()), (None, "closed"), "{title}");
    }
}
