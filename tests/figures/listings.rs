//! A page of dead letters, or of chunks, out of a million, for every way of asking, on both engines.

use std::time::{Duration, Instant};

use barkeep::{
    config::StoreUrl,
    store::{
        BackfillFilter, ChunkFilter, ChunkState, DeadLetterFilter, DeadLetterPosition, KeptLetter,
        LetterState, Store,
    },
};
use sqlx::{
    ConnectOptions, Connection, Executor, postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};

use crate::support::postgres::Cluster;

const ROUNDS: usize = 50;
const PAGE: u32 = 100;

/// A million letters of 50 series and 10 expectations in 1000 groups; of ten, nine are open.
const LETTERS: &str = "insert into dead_letter (dead_letter_id, series, open_at, expectation, \
    detail, raw, source, extracted_at, last_seen_at, state, fingerprint) \
    select 'dl_' || substr('0000000000000000' || n, -16), \
    'coinbase/C' || (n % 50) || 'USD/1m', n * 60000000, 'expectation_' || (n % 10), \
    'high ' || n || ' is below low', cast('[1709714940,93591.38,93591.37,1,2]' as TYPE), \
    'GET /products/BTC-USD/candles?granularity=60', n * 60000000, n * 60000000, \
    case when n % 10 = 7 then 'discarded' else 'open' end, \
    'coinbase.expectation_' || (n % 10) || '.' || (n % 1000) from numbers";

const GROUPS: &str = "insert into dead_letter_group (fingerprint, provider, expectation, pattern, \
    open_count, discarded_count, first_seen_at, last_seen_at, sample_id) \
    select fingerprint, 'coinbase', min(expectation), 'high # is below low', \
    sum(case when state = 'open' then 1 else 0 end), \
    sum(case when state = 'open' then 0 else 1 end), min(extracted_at), max(last_seen_at), \
    min(dead_letter_id) from dead_letter group by fingerprint";

/// A million chunks of ten backfills; of a thousand, one has failed.
const CHUNKS: &str = "insert into chunk (chunk_id, backfill_id, seq, series, provider, start_at, \
    end_at, requests, state, changed_at) select 'bf_' || (n % 10) || '.' || n, 'bf_' || (n % 10), \
    n, 'coinbase/BTCUSD/1m', 'coinbase', n * 60000000, n * 60000000 + 60000000, 1, \
    case when n % 1000 = 13 then 'failed' else 'done' end, n * 1000000 from numbers";

const BACKFILLS: &str = "insert into backfill (backfill_id, kind, state, request, priority, \
    created_at, created_by, request_hash, chunks_total, chunks_done, requests_planned) \
    select 'bf_' || n, 'backfill', 'completed', '{}', 1, n, 'a', 'h', 100000, 100000, 100000 \
    from numbers where n < 10";

pub(crate) async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    on(&url, "SQLite").await;
    if std::path::Path::new("/usr/lib/postgresql").exists() {
        let cluster = Cluster::start().await;
        on(&cluster.database().await, "PostgreSQL").await;
    }
}

async fn on(url: &str, engine: &str) {
    let parsed: StoreUrl = url.parse().expect("a URL");
    let store = Store::open(&parsed).await.expect("a store");
    let began = Instant::now();
    fill(url).await;
    println!("listings: a million dead letters in {engine}, filled in {:.0?}", began.elapsed());
    let newest = store.dead_letters(&DeadLetterFilter::default(), 1).await.expect("a letter");
    let middle = DeadLetterPosition {
        extracted_at: newest[0].letter.extracted_at - chrono::TimeDelta::minutes(500_000),
        id: String::new(),
    };
    let series = || Some("coinbase/C3USD/1m".parse().expect("a series"));
    let (expectation, group) = ("expectation_3", "coinbase.expectation_3.103");
    let all = DeadLetterFilter::default();
    let filters = [
        ("all", all.clone()),
        ("series", DeadLetterFilter { subject: series(), ..all.clone() }),
        ("expectation", DeadLetterFilter { expectation: Some(expectation.into()), ..all.clone() }),
        ("group", DeadLetterFilter { fingerprint: Some(group.into()), ..all.clone() }),
        (
            "series and expectation",
            DeadLetterFilter {
                subject: series(),
                expectation: Some(expectation.into()),
                ..all.clone()
            },
        ),
        (
            "series and group",
            DeadLetterFilter { subject: series(), fingerprint: Some(group.into()), ..all.clone() },
        ),
        (
            "replayed, of which there are none",
            DeadLetterFilter { state: LetterState::Replayed, ..all.clone() },
        ),
        ("from the middle on", DeadLetterFilter { after: Some(middle), ..all.clone() }),
    ];
    for (name, filter) in filters {
        let page = async || store.dead_letters(&filter, PAGE).await.expect("a page").len();
        figure(name, page).await;
    }
    figure("groups", async || {
        let groups = store.dead_letter_groups(LetterState::Open, None, PAGE).await;
        groups.expect("groups").len()
    })
    .await;
    figure("counts for the metrics", async || {
        store.oldest_dead_letter().await.expect("an answer");
        store.dead_letter_count().await.expect("a count");
        store.open_dead_letters().await.expect("counts").len()
    })
    .await;
    figure("one letter", async || {
        let id = newest.first().map(|kept: &KeptLetter| &*kept.letter.id).unwrap_or_default();
        usize::from(store.dead_letter(id).await.expect("an answer").is_some())
    })
    .await;
    chunks(&store).await;
    store.close().await;
}

async fn chunks(store: &Store) {
    let filters =
        [None, Some(ChunkState::Done), Some(ChunkState::Failed), Some(ChunkState::Running)];
    for backfill in [None, Some("bf_3")] {
        for state in filters {
            let of = backfill.map_or("all", |_| "one backfill");
            let name = format!("chunks of {of}, {}", state.map_or("any", ChunkState::as_str));
            let filter = ChunkFilter { state, after: None };
            let page = async || store.chunks(backfill, &filter, PAGE).await.expect("a page").len();
            figure(&name, page).await;
        }
    }
    figure("backfills", async || {
        store.backfills(&BackfillFilter::default(), PAGE).await.expect("a page").len()
    })
    .await;
}

async fn figure(name: &str, ask: impl AsyncFn() -> usize) {
    let (mut times, mut rows): (Vec<Duration>, _) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        rows = ask().await;
        times.push(began.elapsed());
    }
    times.sort();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let (median, most) = (millis(times[ROUNDS / 2]), millis(times[ROUNDS - 1]));
    println!("{name:36} {rows:>5} rows, p50 {median:>8.2} ms, max {most:>8.2} ms");
}

async fn fill(url: &str) {
    if url.starts_with("sqlite:") {
        let numbers = "with recursive numbers(n) as (select 1 union all select n + 1 from numbers \
                       where n < 1000000)";
        let letters = LETTERS.replace("TYPE", "blob");
        let filled = |text: &str| {
            let (columns, rows) = text.split_once(" select ").expect("a select");
            format!("{columns} {numbers} select {rows}")
        };
        let [letters, chunks, backfills] = [&letters, CHUNKS, BACKFILLS].map(filled);
        let text = format!("{letters}; {GROUPS}; {chunks}; {backfills}; analyze");
        let options: SqliteConnectOptions = url.parse().expect("a URL");
        let mut connection = options.connect().await.expect("a connection");
        connection.execute(sqlx::AssertSqlSafe(text)).await.expect("letters");
        connection.close().await.expect("an end");
    } else {
        let letters = LETTERS.replace("TYPE", "bytea").replace("-16)", "length('' || n) + 1)");
        let filled =
            |text: &str| text.replace("from numbers", "from generate_series(1, 1000000::bigint) n");
        let [letters, chunks, backfills] = [&letters, CHUNKS, BACKFILLS].map(filled);
        let text = format!("{letters}; {GROUPS}; {chunks}; {backfills}; analyze");
        let options: PgConnectOptions = url.parse().expect("a URL");
        let mut connection = options.connect().await.expect("a connection");
        connection.execute(sqlx::AssertSqlSafe(text)).await.expect("letters");
        connection.close().await.expect("an end");
    }
}
