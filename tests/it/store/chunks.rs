//! Chunks are claimed by one worker at a time, and settled once, however many there are.

use std::collections::BTreeSet;

use barkeep::{
    market::{By, Window},
    store::{
        AuditEntry, AuditFilter, BackfillFilter, BackfillState, ChunkFilter, ChunkState, Claim,
        Claimer, NewBackfill, NewChunk, Settlement, Spent, Store, StoreError,
    },
};
use futures::future::join_all;
use serde_json::json;

use super::{Bench, both, minute};

const CHUNKS: usize = 400;

fn new(id: &str, chunks: usize) -> NewBackfill {
    let series: barkeep::market::Series = "coinbase/BTCUSD/1m".parse().unwrap();
    let window = |n: usize| Window::new(minute(n as i64), minute(n as i64 + 1));
    let chunk =
        |n| NewChunk { series: series.clone(), needs: None, window: window(n), requests: 2 };
    NewBackfill {
        id: id.to_owned(),
        kind: "backfill",
        request: "{}".to_owned(),
        request_hash: "h".to_owned(),
        idempotency_key: None,
        priority: 1,
        reason: None,
        created_at: minute(0),
        series: vec![(series.clone(), Window::new(minute(0), minute(chunks as i64)))],
        chunks: (0..chunks).map(chunk).collect(),
    }
}

fn audit(target: &str) -> AuditEntry {
    let by = By { actor: "test".to_owned(), request: String::new() };
    AuditEntry::new(minute(0), &by, "backfill.create", &target, json!({}))
}

async fn create(store: &Store, id: &str, chunks: usize) {
    let epoch = store.backfill_epoch().await.unwrap();
    store.create_backfill(&new(id, chunks), epoch, &audit(id)).await.unwrap();
}

async fn claim(store: &Store, id: &str, holder: &str, at: i64) -> Option<Claim> {
    let claimer = Claimer { holder, now: minute(at), lease_until: minute(at + 1) };
    store.claim_chunk(id, &"coinbase".parse().unwrap(), claimer).await.unwrap()
}

/// Four workers with connections of their own, as four replicas have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t63_replicas_share_the_chunks_and_each_is_done_once() {
    for Bench { url, store, _folder, _cluster } in both().await {
        create(&store, "bf_1", CHUNKS).await;
        let replica = async |name: &'static str| {
            let store = Store::visit(&url).await.unwrap();
            let mut done = Vec::new();
            while let Some(claim) = claim(&store, "bf_1", name, 1).await {
                let spent = Spent { requests: 2, rows: 1 };
                store.settle_chunk(&claim, &Settlement::Done, spent, minute(1)).await.unwrap();
                done.push(claim.chunk.id);
            }
            store.close().await;
            done
        };
        let done = join_all(["a", "b", "c", "d"].map(replica)).await.concat();
        assert_eq!(done.len(), CHUNKS);
        assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), CHUNKS);
        assert_eq!(store.end_backfills(minute(2)).await.unwrap(), ["bf_1"]);
        for (asset, expected) in [("BTCUSD", 1), ("ETHUSD", 0)] {
            let asset = Some(asset.parse().unwrap());
            let filter = BackfillFilter { asset, ..BackfillFilter::default() };
            assert_eq!(store.backfills(&filter, 9).await.unwrap().len(), expected);
        }
        let kept = store.backfill("bf_1").await.unwrap().unwrap();
        assert_eq!(kept.state, BackfillState::Completed);
        assert_eq!(kept.chunks.done, CHUNKS as i64);
        assert_eq!(
            (kept.requests_made, kept.requests_settled),
            (2 * CHUNKS as i64, 2 * CHUNKS as i64)
        );
        assert_eq!(kept.candles_landed, CHUNKS as i64);
    }
}

#[tokio::test]
async fn t67_a_claim_ends_with_its_lease_and_its_token_with_it() {
    for Bench { store, .. } in both().await {
        create(&store, "bf_1", 1).await;
        let first = claim(&store, "bf_1", "a", 0).await.unwrap();
        assert_eq!(claim(&store, "bf_1", "b", 0).await, None);
        store.renew_claim(&first, minute(3)).await.unwrap();
        store.take_back_chunks(None, minute(2)).await.unwrap();
        assert_eq!(claim(&store, "bf_1", "b", 2).await, None, "renewed");
        store.take_back_chunks(None, minute(3)).await.unwrap();
        let second = claim(&store, "bf_1", "b", 3).await.unwrap();
        assert!(second.token > first.token);
        assert_eq!(second.chunk.attempts, 1);
        let late = store.renew_claim(&first, minute(9)).await;
        assert!(matches!(late, Err(StoreError::MovedOn { .. })), "{late:?}");
        let spent = Spent::default();
        let late = store.settle_chunk(&first, &Settlement::Done, spent, minute(4)).await;
        assert!(matches!(late, Err(StoreError::MovedOn { .. })), "{late:?}");
        for _ in 0..2 {
            // Told twice, as after an answer that was lost.
            store.settle_chunk(&second, &Settlement::Done, spent, minute(4)).await.unwrap();
        }
        assert_eq!(store.backfill("bf_1").await.unwrap().unwrap().chunks.done, 1);
    }
}

#[tokio::test]
async fn a_replica_that_starts_again_takes_back_what_it_had_and_nothing_else() {
    for Bench { store, .. } in both().await {
        create(&store, "bf_1", 2).await;
        claim(&store, "bf_1", "a", 0).await.unwrap();
        claim(&store, "bf_1", "b", 0).await.unwrap();
        store.take_back_chunks(Some("a"), minute(0)).await.unwrap();
        let filter = ChunkFilter { state: Some(ChunkState::Running), after: None };
        let running = store.chunks(Some("bf_1"), &filter, 10).await.unwrap();
        assert_eq!(running.len(), 1);
        assert_eq!(running[0].holder.as_deref(), Some("b"));
    }
}

#[tokio::test]
async fn what_was_planned_before_another_backfill_came_is_not_created() {
    for Bench { store, .. } in both().await {
        let epoch = store.backfill_epoch().await.unwrap();
        create(&store, "bf_1", 1).await;
        let late = store.create_backfill(&new("bf_2", 1), epoch, &audit("bf_2")).await;
        assert!(matches!(late, Err(StoreError::MovedOn { .. })), "{late:?}");
        assert_eq!(store.backfill("bf_2").await.unwrap(), None);
        let audited = store.audit(&AuditFilter::default(), 10).await.unwrap();
        assert_eq!(audited.len(), 1, "nothing of it was written");
    }
}

#[tokio::test]
async fn a_chunk_of_a_backfill_that_is_held_up_is_not_claimed_and_one_given_up_is_over() {
    use BackfillState::{Active, Cancelled, Paused};
    for Bench { store, .. } in both().await {
        create(&store, "bf_1", 3).await;
        let moving = claim(&store, "bf_1", "a", 0).await.unwrap();
        let mut entry = audit("bf_1");
        for (from, to) in [(Active, Paused), (Paused, Active), (Active, Paused)] {
            entry = audit("bf_1");
            store.turn_backfill("bf_1", (from, to), Some("why"), &entry).await.unwrap();
        }
        assert_eq!(claim(&store, "bf_1", "b", 0).await, None);
        let moved_on = store.turn_backfill("bf_1", (Active, Cancelled), None, &entry).await;
        assert!(matches!(moved_on, Err(StoreError::MovedOn { .. })), "{moved_on:?}");
        store.turn_backfill("bf_1", (Paused, Cancelled), None, &audit("bf_1")).await.unwrap();
        let later = Settlement::Later { not_before: minute(0), error: None, is_attempt: false };
        store.settle_chunk(&moving, &later, Spent::default(), minute(1)).await.unwrap();
        let counts = store.backfill("bf_1").await.unwrap().unwrap().chunks;
        assert_eq!((counts.cancelled, counts.running, counts.waiting()), (3, 0, 0));
        assert_eq!(claim(&store, "bf_1", "b", 9).await, None);
        let in_work = store.history_in_work().await.unwrap();
        assert_eq!(in_work, [], "its history is free");
    }
}
