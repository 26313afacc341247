//! Every fault of every provider, for certain and for minutes on end: what it does, and that it
//! passes without a trace.
//!
//! The table says what is seen of each; what holds for all of them alike is asserted in `stage.rs`.

mod log;
mod stage;

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Mutex, thread};

use barkeep::simulate::{Fault, SimulatedProvider};
use futures::{FutureExt, StreamExt, stream};

use self::log::Log;

/// One line for each fault of each provider; a star is for what chance decides.
///
/// `effect`: whether the fault finds room in any answer. Coinbase is not asked for the candle that
/// lags before it has settled, and nobody repeats a weekend on a Wednesday. `outcome`: of the first
/// poll. The others tell what has become of it after some minutes: how much of the market's candles
/// of that time `landed`, which dead `letters` there are (`row` for anything wrong with one row),
/// whether `answers` lacked candles that are known, how circuit and freshness stand, and what the
/// daemon itself names as the first `cause` of that.
const TABLE: &str = "
provider       fault                 effect   outcome         landed   letters          answers     circuit  verdict  cause
coinbase       slow                  strikes  ok              all      -                -           closed   fresh    -
coinbase       hang                  strikes  timed_out       nothing  -                -           open     stale    timed_out
coinbase       throttle              strikes  throttled       nothing  -                -           closed   stale    throttled
coinbase       throttle_retry_after  strikes  throttled       nothing  -                -           closed   stale    throttled
coinbase       throttle_retry_date   strikes  throttled       nothing  -                -           closed   stale    throttled
coinbase       server_error          strikes  upstream_error  nothing  -                -           open     stale    upstream_error
coinbase       unavailable           strikes  upstream_error  nothing  -                -           open     stale    upstream_error
coinbase       html                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
coinbase       empty                 strikes  ok              nothing  -                suspicious  closed   stale    nothing_new
coinbase       lag                   misses   ok              all      -                -           closed   fresh    -
coinbase       drop_row              strikes  ok              all      -                suspicious  closed   fresh    -
coinbase       duplicate_row         strikes  ok              all      -                -           closed   fresh    -
coinbase       conflicting_row       strikes  ok              *        no_conflict      -           closed   fresh    -
coinbase       shuffled              strikes  ok              all      -                -           closed   fresh    -
coinbase       bad_row               strikes  ok              *        row              *           closed   fresh    -
coinbase       torn                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
oanda          slow                  strikes  ok              all      -                -           closed   fresh    -
oanda          hang                  strikes  timed_out       nothing  -                -           open     stale    timed_out
oanda          throttle              strikes  throttled       nothing  -                -           closed   stale    throttled
oanda          throttle_retry_after  strikes  throttled       nothing  -                -           closed   stale    throttled
oanda          throttle_retry_date   strikes  throttled       nothing  -                -           closed   stale    throttled
oanda          server_error          strikes  upstream_error  nothing  -                -           open     stale    upstream_error
oanda          unavailable           strikes  upstream_error  nothing  -                -           open     stale    upstream_error
oanda          html                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
oanda          weekend_repeat        misses   ok              all      -                -           closed   fresh    -
oanda          late_complete         strikes  ok              some     -                -           closed   fresh    -
oanda          empty                 strikes  ok              nothing  -                suspicious  closed   stale    nothing_new
oanda          lag                   strikes  ok              some     -                -           closed   fresh    -
oanda          drop_row              strikes  ok              all      -                suspicious  closed   fresh    -
oanda          duplicate_row         strikes  ok              all      -                -           closed   fresh    -
oanda          conflicting_row       strikes  ok              *        no_conflict      -           closed   fresh    -
oanda          shuffled              strikes  ok              all      -                -           closed   fresh    -
oanda          bad_row               strikes  ok              *        row              *           closed   fresh    -
oanda          torn                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
alpha_vantage  slow                  strikes  ok              all      -                -           closed   fresh    -
alpha_vantage  hang                  strikes  timed_out       nothing  -                -           open     stale    timed_out
alpha_vantage  server_error          strikes  upstream_error  nothing  -                -           open     stale    upstream_error
alpha_vantage  unavailable           strikes  upstream_error  nothing  -                -           open     stale    upstream_error
alpha_vantage  html                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
alpha_vantage  note                  strikes  throttled       nothing  -                -           closed   stale    throttled
alpha_vantage  information           strikes  throttled       nothing  -                -           closed   stale    throttled
alpha_vantage  burst                 strikes  throttled       nothing  -                -           closed   stale    throttled
alpha_vantage  day_quota             strikes  exhausted       nothing  -                -           closed   stale    exhausted
alpha_vantage  bad_key               strikes  unauthorized    nothing  -                -           open     stale    unauthorized
alpha_vantage  premium               strikes  not_in_plan     nothing  -                -           closed   stale    not_in_plan
alpha_vantage  empty_object          strikes  unknown_symbol  nothing  -                -           closed   stale    unknown_symbol
alpha_vantage  close_stamped         strikes  malformed       nothing  readable_answer  -           open     stale    malformed
alpha_vantage  empty                 strikes  ok              nothing  -                suspicious  closed   stale    nothing_new
alpha_vantage  lag                   strikes  ok              all      -                -           closed   fresh    -
alpha_vantage  drop_row              strikes  ok              *        -                *           closed   fresh    -
alpha_vantage  duplicate_row         strikes  ok              all      -                -           closed   fresh    -
alpha_vantage  conflicting_row       strikes  ok              *        *                *           closed   fresh    -
alpha_vantage  shuffled              strikes  ok              all      -                -           closed   fresh    -
alpha_vantage  bad_row               strikes  ok              *        *                *           closed   fresh    -
alpha_vantage  torn                  strikes  malformed       nothing  readable_answer  -           open     stale    malformed
";

/// A line of the table.
#[derive(Debug, Clone)]
struct Row {
    provider: SimulatedProvider,
    fault: Fault,
    /// What is seen of it, in words.
    expected: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let mut words = line.split_whitespace();
        let provider = words.next().unwrap().parse().unwrap();
        let name = words.next().unwrap();
        let fault = Fault::ALL.iter().find(|fault| fault.name() == name);
        Row { provider, fault: *fault.unwrap(), expected: words.collect() }
    };
    TABLE.trim().lines().skip(1).map(row).collect()
}

#[test]
fn the_table_has_every_fault_of_every_provider_once() {
    let told: Vec<_> = rows().iter().map(|row| (row.provider, row.fault)).collect();
    let all = SimulatedProvider::ALL.into_iter().flat_map(|provider| {
        let happens = move |fault: &&Fault| fault.happens_with(provider);
        Fault::ALL.iter().filter(happens).map(move |fault| (provider, *fault))
    });
    let all: BTreeSet<_> = all.collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(told.len(), all.len(), "none is told twice");
}

/// Rows that a thread watches at the same time: some of them wait for real time to pass.
const AT_ONCE: usize = 4;

/// Daemons of a thread log into one text, which must not know the keys.
fn watch(rows: &Mutex<impl Iterator<Item = Row>>) -> Vec<String> {
    let log = Log::default();
    let _guard = log.listen();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let next = || rows.lock().unwrap().next();
    let watched = stream::iter(std::iter::from_fn(next)).map(|row| async move {
        let name = format!("{} {}", row.provider, row.fault.name());
        // One row that cannot even be told must not hide the others.
        let seen = AssertUnwindSafe(stage::watch(row.provider, row.fault)).catch_unwind().await;
        let Ok(seen) = seen else { return Some(format!("{name} panicked")) };
        let agree = |(seen, expected): (&String, &&str)| *expected == "*" || seen == expected;
        let is_expected =
            seen.len() == row.expected.len() && seen.iter().zip(&row.expected).all(agree);
        (!is_expected).then(|| format!("{name} {}", seen.join(" ")))
    });
    let surprises = watched.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect();
    let surprises = runtime.block_on(surprises);
    let text = log.text();
    assert!(text.contains("is not asked for a while"), "nothing was logged");
    for key in stage::KEYS {
        assert!(!text.contains(key), "the log repeats a key");
    }
    surprises
}

#[test]
fn every_fault_does_what_the_table_says_and_passes_without_a_trace() {
    let mut rows = rows();
    // Those that wait for real time begin first.
    rows.sort_by_key(|row| row.fault != Fault::Hang);
    let rows = Mutex::new(rows.into_iter());
    let surprises: Vec<String> = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| watch(&rows)));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(surprises.is_empty(), "seen instead:\n{}", surprises.join("\n"));
}
