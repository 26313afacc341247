//! Ten thousand chunks and four daemons on one PostgreSQL; one of them is killed in the middle.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use barkeep::{
    simulate::FaultPlan,
    store::{ChunkFilter, ChunkState, KeptChunk, Store, StoreError},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, postgres::PgConnectOptions};

use crate::{
    stage::{LEASE_SECONDS, Stage, seconds_since},
    support::{daemon::Daemon, postgres::Cluster},
};

const CHUNKS: i64 = 10_000;
const PATIENCE: Duration = Duration::from_mins(20);
/// So many claims one chunk took: more than one only if its first holder went away.
const CLAIMS: &str = "select (token + 1) / 2, count(*), count(*) filter (where state = 'done') \
    from chunk group by 1 order by 1";

pub(crate) async fn measure() {
    if !std::path::Path::new("/usr/lib/postgresql").exists() {
        println!("replicas: skipped, there is no PostgreSQL");
        return;
    }
    let cluster = Cluster::start().await;
    let url = cluster.database().await;
    let mut stage = Stage::open(20_261_127, "1h").await;
    stage.share(&url);
    stage.exchange.set_fault_plan(&FaultPlan::default());
    // The smallest that a plan can have: what is measured is how chunks are shared.
    stage.set("INGEST__CHUNK_CANDLES", "300");
    stage.set("BACKFILL__WORKERS", "8");
    let mut daemons: Vec<Daemon> =
        ["one", "two", "three", "four"].map(|name| stage.spawn_as(name)).into();
    let alive = |answer: &Value| {
        let items = answer["items"].as_array().expect("replicas");
        items.iter().filter(|item| item["alive"] == true).count()
    };
    daemons[3].wait_until("/v1/replicas", PATIENCE, |answer| alive(answer) == 4).await;
    stage.caught_up(&mut daemons[3]).await;

    let spec = json!({ "assets": ["BTCUSD", "EURUSD"], "timeframes": ["1m"], "days": 1_300 });
    let began = Instant::now();
    let created = daemons[0].post("/v1/backfills", "once", &spec).await.expect("an answer");
    let id = created["backfill_id"].as_str().expect("an id").to_owned();
    let total = created["progress"]["chunks_total"].as_i64().expect("chunks");
    assert!(total >= CHUNKS, "{created:#}");
    println!("replicas: {total} chunks planned and queued in {:.2} s", seconds_since(began));

    let path = format!("/v1/backfills/{id}");
    let done = |kept: &Value| kept["progress"]["chunks_done"].as_i64();
    daemons[0].wait_until(&path, PATIENCE, |kept| done(kept) > Some(CHUNKS / 3)).await;
    let store = Store::visit(&url.parse().expect("a URL")).await.expect("a store");
    let (victim, left) = kill_one(&store, &mut daemons).await;
    let killed = Instant::now();
    resumed(&store, &victim, &left).await;
    println!(
        "{:32} {:>8.2} s after the kill; the lease is {LEASE_SECONDS} s",
        format!("its {} chunks were resumed", left.len()),
        seconds_since(killed)
    );
    daemons[0].wait_until(&path, PATIENCE, |kept| kept["state"] == "completed").await;
    let seconds = seconds_since(began);
    println!("{:32} {:>8.0} chunks/s over {seconds:.0} s", "all done", total as f64 / seconds);
    store.close().await;
    for daemon in daemons {
        daemon.stop().await;
    }

    let options: PgConnectOptions = url.parse().expect("a URL");
    let mut connection = options.connect().await.expect("a connection");
    let claims: Vec<(i64, i64, i64)> =
        sqlx::query_as(AssertSqlSafe(CLAIMS)).fetch_all(&mut connection).await.expect("counts");
    connection.close().await.expect("an end");
    for (claims, chunks, done) in &claims {
        println!("{:32} {chunks:>8} chunks, {done} done", format!("claimed {claims} times"));
    }
    assert_eq!(claims.iter().map(|(_, _, done)| done).sum::<i64>(), total);
    let again: i64 = claims.iter().filter(|(claims, ..)| *claims > 1).map(|(_, n, _)| n).sum();
    assert_eq!(again, left.len() as i64, "only what the killed one had was claimed again");
    let audit = stage.examine_at_rest().await;
    println!("{:32} {:>8} candles as the market had them, none twice", "audit", audit.agree);
}

/// Kills one that has chunks in work; its name and those chunks.
async fn kill_one(store: &Store, daemons: &mut Vec<Daemon>) -> (String, BTreeSet<String>) {
    // The first is asked for the progress, so another one dies.
    let names = ["one", "two", "three", "four"];
    loop {
        let running = running(store).await.expect("chunks");
        let holder = |chunk: &KeptChunk| chunk.holder.clone().filter(|name| name != names[0]);
        let Some(victim) = running.iter().find_map(holder) else { continue };
        let at = names.iter().position(|name| *name == victim).expect("a name");
        daemons.remove(at).kill();
        let left = self::running(store).await.expect("chunks");
        let is_its = |chunk: &KeptChunk| chunk.holder.as_ref() == Some(&victim);
        let left = left.into_iter().filter(is_its).map(|chunk| chunk.id).collect();
        return (victim, left);
    }
}

/// Waits until each of these chunks is with somebody else, or done.
async fn resumed(store: &Store, victim: &str, chunks: &BTreeSet<String>) {
    let mut open = chunks.clone();
    let began = Instant::now();
    while !open.is_empty() {
        assert!(began.elapsed() < PATIENCE, "not resumed: {open:?}");
        let filter = ChunkFilter::default();
        for chunk in store.chunks(None, &filter, 1_000).await.expect("chunks") {
            let is_elsewhere = chunk.holder.as_deref().is_some_and(|name| name != victim);
            if is_elsewhere || chunk.state == ChunkState::Done {
                open.remove(&chunk.id);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn running(store: &Store) -> Result<Vec<KeptChunk>, StoreError> {
    let filter = ChunkFilter { state: Some(ChunkState::Running), after: None };
    store.chunks(None, &filter, 1_000).await
}
