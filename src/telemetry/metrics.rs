//! Every metric, its help text and its labels. Labels are bounded: never an asset, never a message.

use std::sync::Arc;

use prometheus::{
    Encoder, GaugeVec, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
    process_collector::ProcessCollector,
};

use super::registrar::{Family, Registrar};
use crate::market::Timeframe;

/// One registry per program; tests have their own.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    families: Arc<[Family]>,
    pub candles_landed: IntCounterVec,
    pub candles_revised: IntCounterVec,
    pub candles_unchanged: IntCounterVec,
    pub candles_unfinished: IntCounterVec,
    pub candles_refused: IntCounterVec,
    pub candles_warned: IntCounterVec,
    pub no_trade_confirmed: IntCounterVec,
    pub no_trade_overturned: IntCounterVec,
    pub suspicious_answers: IntCounterVec,
    pub stand_ins: IntCounterVec,
    pub backfill_chunks: IntCounterVec,
    pub feed_items: IntCounterVec,
    pub feed_success: IntGaugeVec,
    pub records: IntCounterVec,
    pub record_warnings: IntCounterVec,
    pub feeds_by_state: IntGaugeVec,
    pub provider_requests: IntCounterVec,
    pub provider_request_seconds: HistogramVec,
    pub provider_budget_wait_seconds: HistogramVec,
    pub circuit: IntGaugeVec,
    pub circuit_openings: IntCounterVec,
    pub clock_skew_seconds: GaugeVec,
    pub budget_used: IntGaugeVec,
    pub budget_allowed: IntGaugeVec,
    pub divergence_bps: HistogramVec,
    pub findings: IntGaugeVec,
    pub delta_commits: IntCounterVec,
    pub delta_commit_conflicts: IntCounterVec,
    pub delta_commit_seconds: HistogramVec,
    pub delta_compactions: IntCounterVec,
    pub delta_files: IntGaugeVec,
    pub verified_at: IntGauge,
    pub invariant_violations: IntGaugeVec,
    pub model_builds: IntCounterVec,
    pub model_fresh: IntGaugeVec,
    pub model_rows: IntCounterVec,
    pub lineage_events: IntCounterVec,
    pub model_seconds: HistogramVec,
    pub model_test_failures: IntGaugeVec,
    pub upkeep_success: IntGaugeVec,
    pub upkeep_seconds: HistogramVec,
    pub upkeep_files: IntGaugeVec,
    pub upkeep_bytes: IntGaugeVec,
    pub upkeep_entries_removed: IntCounterVec,
    pub jobs: IntCounterVec,
    pub job_seconds: HistogramVec,
    pub jobs_queued: IntGaugeVec,
    pub series_by_verdict: IntGaugeVec,
    pub candles_owed: IntGaugeVec,
    pub dead_letters: IntGauge,
    pub dead_letters_open: IntGaugeVec,
    pub dead_letter_oldest: IntGauge,
    pub scheduler_heartbeat: IntGauge,
    pub lease_held: IntGaugeVec,
    pub lease_lost: IntCounterVec,
    pub fenced: IntCounterVec,
    pub schedule_paused: IntGaugeVec,
    pub http_requests: IntCounterVec,
    pub http_request_seconds: HistogramVec,
}

/// From what rounding makes of a price to another market.
const BASIS_POINTS: [f64; 10] = [0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 1000.0];

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "one page that lists every metric")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let mut new = Registrar::default();
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        new.info("build_info", "Which build is running; always 1.", &build)?;
        new.register(ProcessCollector::for_self())?;
        let source: &[&str] = &["provider", "timeframe"];
        let model: &[&str] = &["model"];
        let metrics = Self {
            candles_landed: new.counter(
                "candles_landed_total",
                "Rows appended to bronze.",
                source,
            )?,
            candles_revised: new.counter(
                "candles_revised_total",
                "Appended rows that change a candle landed before.",
                source,
            )?,
            candles_unchanged: new.counter(
                "candles_unchanged_total",
                "Candles fetched again and found unchanged.",
                source,
            )?,
            candles_unfinished: new.counter(
                "candles_unfinished_total",
                "Rows dropped because their candle had not settled.",
                source,
            )?,
            candles_refused: new.counter(
                "candles_refused_total",
                "Rows refused into dead letters, by expectation.",
                &["provider", "expectation"],
            )?,
            candles_warned: new.counter(
                "candles_warned_total",
                "Rows that landed although a warning expectation did not hold.",
                &["provider", "expectation"],
            )?,
            no_trade_confirmed: new.counter(
                "no_trade_confirmed_total",
                "Candles that enough answers agree do not exist.",
                source,
            )?,
            no_trade_overturned: new.counter(
                "no_trade_overturned_total",
                "Candles that came although they had been confirmed as no trade.",
                source,
            )?,
            suspicious_answers: new.counter(
                "suspicious_answers_total",
                "Answers without a known candle where candles were expected.",
                source,
            )?,
            lease_held: new.gauge(
                "lease_held",
                "Whether a duty is this replica's: 1 if it is.",
                &["duty"],
            )?,
            lease_lost: new.counter(
                "lease_lost_total",
                "Duties that another replica took over while this one thought to have them.",
                &[],
            )?,
            fenced: new.counter(
                "fenced_total",
                "Writes that were refused because their duty was another replica's by then.",
                &[],
            )?,
            stand_ins: new.counter(
                "stand_ins_total",
                "Polls that were handed to the next provider.",
                &["provider", "stand_in"],
            )?,
            backfill_chunks: new.counter(
                "backfill_chunks_total",
                "Attempts at chunks of backfills by what became of them: done, failed, or left \
                 for later.",
                &["provider", "outcome"],
            )?,
            feed_items: new.counter(
                "feed_items_total",
                "Articles and observations by what became of them: landed for the first time, \
                 revised, unchanged or refused.",
                &["feed", "outcome"],
            )?,
            feed_success: new.gauge(
                "feed_success_timestamp_seconds",
                "When a feed of the kind was last collected to the end, Unix time.",
                &["feed"],
            )?,
            records: new.counter(
                "records_total",
                "Decisions and executions by what became of them: landed for the first time, revised, \
                 unchanged or refused.",
                &["table", "outcome"],
            )?,
            record_warnings: new.counter(
                "record_warnings_total",
                "Records that landed although they do not meet an expectation.",
                &["table", "expectation"],
            )?,
            feeds_by_state: new.gauge(
                "feeds",
                "Feeds by state at the time of the scrape: collected; overdue, not for three of its \
                 periods; never.",
                &["feed", "state"],
            )?,
            provider_requests: new.counter(
                "provider_requests_total",
                "Requests sent to a provider, by outcome.",
                &["provider", "outcome"],
            )?,
            provider_request_seconds: new.histogram(
                "provider_request_seconds",
                "Time from sending a request to its last byte.",
                &["provider"],
            )?,
            provider_budget_wait_seconds: new.histogram(
                "provider_budget_wait_seconds",
                "Time a request waited for its turn in the rate budget.",
                &["provider", "lane"],
            )?,
            circuit: new.gauge(
                "provider_circuit",
                "0 while a provider is asked, 1 while it is tried again, 2 while it is not asked.",
                &["provider"],
            )?,
            circuit_openings: new.counter(
                "provider_circuit_openings_total",
                "Times a provider was given up for a while.",
                &["provider"],
            )?,
            clock_skew_seconds: new.real_gauge(
                "provider_clock_skew_seconds",
                "How far a provider's clock was ahead of ours when it last told the time.",
                &["provider"],
            )?,
            budget_used: new.gauge(
                "provider_budget_used",
                "Requests used of each limit of an account at the time of the scrape.",
                &["provider", "limit"],
            )?,
            budget_allowed: new.gauge(
                "provider_budget_allowed",
                "Requests that each limit of an account allows.",
                &["provider", "limit"],
            )?,
            divergence_bps: new.histogram_of(
                "divergence_bps",
                "Greatest difference of two accounts of one candle, in basis points of the price.",
                &["check", "provider", "other"],
                &BASIS_POINTS,
            )?,
            findings: new.gauge(
                "findings",
                "Candles on which two accounts differ by more than is tolerated.",
                &["check"],
            )?,
            delta_commits: new.counter("delta_commits_total", "Commits per table.", &["table"])?,
            delta_commit_conflicts: new.counter(
                "delta_commit_conflicts_total",
                "Commits that met another writer and were tried again.",
                &["table"],
            )?,
            delta_commit_seconds: new.histogram(
                "delta_commit_seconds",
                "Time to write and commit one group of landings.",
                &["table"],
            )?,
            delta_compactions: new.counter(
                "delta_compactions_total",
                "Compactions per table.",
                &["table"],
            )?,
            delta_files: new.gauge("delta_files", "Live data files per table.", &["table"])?,
            verified_at: new.plain_gauge(
                "verified_timestamp_seconds",
                "When this process last saw whether everything that must hold does; 0 if never.",
            )?,
            invariant_violations: new.gauge(
                "invariant_violations",
                "How often something that must hold did not when that was last looked at; any is a \
                 fault.",
                &["invariant"],
            )?,
            model_builds: new.counter(
                "model_builds_total",
                "Builds of models, by what came of them: built, unchanged, failed.",
                &["model", "outcome"],
            )?,
            model_fresh: new.gauge(
                "model_fresh_timestamp_seconds",
                "When the last build of a model began that came to its end; 0 before the first.",
                model,
            )?,
            model_rows: new.counter(
                "model_rows_total",
                "Rows that builds of a model have added, changed or removed.",
                model,
            )?,
            lineage_events: new.counter(
                "lineage_events_total",
                "OpenLineage events, by whether they were sent.",
                &["outcome"],
            )?,
            model_seconds: new.histogram("model_build_seconds", "How long builds take.", model)?,
            model_test_failures: new.gauge(
                "model_test_failures",
                "Rows of the last build for which a test of the model does not hold.",
                &["model", "test"],
            )?,
            upkeep_success: new.gauge(
                "upkeep_success_timestamp_seconds",
                "When a table was last maintained to the end, Unix time; 0 if it never was. Of \
                 several replicas the newest holds.",
                &["table"],
            )?,
            upkeep_seconds: new.histogram(
                "upkeep_seconds",
                "Time to maintain a table.",
                &["table"],
            )?,
            upkeep_files: new.gauge(
                "upkeep_files",
                "Data files on the disk before and after a table was last maintained, needed or not.",
                &["table", "moment"],
            )?,
            upkeep_bytes: new.gauge(
                "upkeep_bytes",
                "What those files take.",
                &["table", "moment"],
            )?,
            upkeep_entries_removed: new.counter(
                "upkeep_entries_removed_total",
                "Entries that were removed from the log of a table because of their age.",
                &["table"],
            )?,
            jobs: new.counter(
                "jobs_total",
                "Jobs run, by kind and outcome.",
                &["kind", "outcome"],
            )?,
            job_seconds: new.histogram("job_seconds", "Time a job ran.", &["kind"])?,
            jobs_queued: new.gauge("jobs_queued", "Jobs waiting, by lane.", &["lane"])?,
            series_by_verdict: new.gauge(
                "series",
                "Series by freshness verdict and by whether their market is open, at the time of the \
                 scrape.",
                &["verdict", "market"],
            )?,
            candles_owed: new.gauge(
                "candles_owed",
                "Expected candles not accounted for, by state, at the time of the scrape.",
                &["state"],
            )?,
            dead_letters: new.plain_gauge("dead_letters", "Dead letters kept.")?,
            dead_letters_open: new.gauge(
                "dead_letters_open",
                "Dead letters nobody has decided about, at the time of the scrape.",
                &["provider", "expectation"],
            )?,
            dead_letter_oldest: new.plain_gauge(
                "dead_letter_oldest_open_timestamp_seconds",
                "When the oldest dead letter that is open was received, Unix time; 0 if none is.",
            )?,
            scheduler_heartbeat: new.plain_gauge(
                "scheduler_heartbeat_timestamp_seconds",
                "When the scheduler last looked for due series, Unix time.",
            )?,
            schedule_paused: new.gauge(
                "schedule_paused",
                "1 while somebody holds a schedule up, otherwise 0.",
                &["schedule"],
            )?,
            http_requests: new.counter(
                "http_requests_total",
                "Requests answered by the control plane.",
                &["route", "status"],
            )?,
            http_request_seconds: new.histogram(
                "http_request_seconds",
                "Time to answer a request.",
                &["route"],
            )?,
            registry: new.registry,
            families: new.families.into(),
        };
        Ok(metrics)
    }

    /// Every metric there is, also those that have no values yet.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Counts from nought what a provider may bring and do wrong: whoever watches for an increase
    /// does not see the first of something that was not there before.
    pub fn expect(&self, provider: &str, reasons: impl Iterator<Item = &'static str>) {
        self.circuit_openings.with_label_values(&[provider]).inc_by(0);
        for timeframe in Timeframe::ALL {
            for counter in [&self.candles_landed, &self.candles_unchanged, &self.suspicious_answers]
            {
                counter.with_label_values(&[provider, timeframe.as_str()]).inc_by(0);
            }
        }
        for reason in reasons {
            self.candles_refused.with_label_values(&[provider, reason]).inc_by(0);
        }
    }

    /// The Prometheus text format.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
