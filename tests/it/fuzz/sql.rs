//! Whatever is asked in SQL is answered or refused, in time, and nothing is changed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Mutations, UNLIMITED, rounds};
use crate::support::{
    files::files_below,
    test_app::{Setup, TestApp},
};

const QUERIES: [&str; 24] = [
    "select asset_pair, count(*) as candles, max(timestamp) as newest from raw_market_data_1m group by 1",
    "select series, reason, candles from system.gaps order by candles desc limit 10",
    "select * from bronze.raw_market_data_1h where asset_pair = 'BTCUSD' and timestamp >= '2024-03-06'",
    "with t as (select close, lag(close) over (order by timestamp) as before from raw_market_data_1m) \
     select avg(close / before - 1) from t where before is not null",
    "select date_bin(interval '1 hour', timestamp) as hour, first_value(open order by timestamp) \
     from raw_market_data_1m group by hour having count(*) > 3 order by hour",
    "select a.close - b.close from raw_market_data_1m a join raw_market_data_5m b using (timestamp)",
    "select case when close > open then 'up' else 'down' end, count(*) from raw_market_data_1m group by 1",
    "select position('x' in cast(close as varchar)), extract(hour from timestamp) from raw_market_data_1m",
    "explain analyze select * from system.series",
    "show tables",
    "describe raw_market_data_1m",
    "values (1, 'a'), (2, null)",
    "select [1, 2][1], {'a': 1}, x'ff', $1",
    "select 1 union all select 2 except select 3 intersect select 4",
    "insert into raw_market_data_1m select * from raw_market_data_1m",
    "with t as (select 1) delete from raw_market_data_1m where close > 1",
    "update raw_market_data_1m set close = 1 where true",
    "explain analyze copy (select * from raw_market_data_1m) to 'OUT' stored as csv",
    "copy raw_market_data_1m to 'OUT'",
    "create or replace table raw_market_data_1m as select 1",
    "create external table t stored as csv location 'OUT'",
    "drop table if exists raw_market_data_1m cascade",
    "merge into raw_market_data_1m a using raw_market_data_1m b on true when matched then delete",
    "set datafusion.execution.batch_size = 1; truncate table raw_market_data_1m",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_does_harm() {
    let settings = &[UNLIMITED, ("SQL__TIMEOUT", "5s"), ("SQL__MAX_ROWS", "10000")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.settle().await;
    let out = app.folder.path().join("out").display().to_string();
    let queries = QUERIES.map(|query| query.replace("OUT", &out));
    let (lake, version) = (app.folder.path().join("lake"), versions(&app));
    let mut before = files_below(&lake);
    before.sort();
    let mut mutations = Mutations::of(&queries);
    for _ in 0..rounds(1_000) {
        let query = mutations.next_text();
        let began = Instant::now();
        let answer = app.post("/v1/sql", &json!({ "query": query })).await;
        let status = answer.status.as_u16();
        assert!([200, 422, 504].contains(&status), "{query:?}: {status} {}", answer.text());
        assert!(began.elapsed() < Duration::from_secs(30), "{query:?}: {:?}", began.elapsed());
    }
    let mut after = files_below(&lake);
    after.sort();
    assert_eq!((after, versions(&app)), (before, version), "something has been written");
    assert!(!app.folder.path().join("out").exists());
}

fn versions(app: &TestApp) -> Vec<u64> {
    app.app.lake.all().iter().map(|table| table.version()).collect()
}
