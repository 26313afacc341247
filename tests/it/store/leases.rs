//! Leases and replicas, and that writes are guarded by what holds.

use std::collections::BTreeSet;

use barkeep::{
    market::{ProviderId, Series, Window},
    store::{Incarnation, SeriesChange, Store, duty_of},
};
use chrono::{DateTime, Utc};
use futures::future::join_all;

use super::{Bench, both, minute};

const DUTY: &str = "provider/coinbase";

/// A lease is a minute long here.
fn span(now: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    (minute(now), minute(now + 1))
}

async fn join(store: &Store, name: &str) -> Incarnation {
    store.join(name, ("127.0.0.1:1", "0"), minute(0)).await.unwrap()
}

fn change(landings: i64) -> SeriesChange {
    SeriesChange {
        series: "coinbase/BTCUSD/1m".parse().unwrap(),
        origin: minute(0),
        landings,
        window: Window::new(minute(0), minute(0)),
        facts: Vec::new(),
    }
}

#[tokio::test]
async fn of_eight_takers_at_once_one_wins() {
    for Bench { store, url, .. } in both().await {
        let mut takers = Vec::new();
        for number in 0..8 {
            let own = Store::open(&url).await.unwrap();
            let who = join(&own, &format!("replica-{number}")).await;
            takers.push((own, who));
        }
        for round in 0..5 {
            let take = |(own, who): &(Store, Incarnation)| {
                let (own, who) = (own.clone(), who.clone());
                async move { own.take_lease(DUTY, &who, span(round)).await.unwrap() }
            };
            let taken: Vec<Option<i64>> = join_all(takers.iter().map(take)).await;
            let won: Vec<i64> = taken.iter().copied().flatten().collect();
            assert_eq!(won, [round + 1], "one winner, and a token that grows");
        }
        for (own, _) in takers {
            own.close().await;
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_lease_is_kept_while_it_is_renewed_and_taken_over_when_it_has_run_out() {
    for Bench { store, .. } in both().await {
        let (one, two) = (join(&store, "one").await, join(&store, "two").await);
        assert_eq!(store.take_lease(DUTY, &one, span(0)).await.unwrap(), Some(1));
        assert_eq!(store.take_lease(DUTY, &two, span(0)).await.unwrap(), None);
        let renewed = store.renew_leases(&one, minute(2)).await.unwrap();
        assert_eq!(renewed, [(DUTY.to_owned(), 1)]);
        assert_eq!(store.take_lease(DUTY, &two, span(1)).await.unwrap(), None);
        assert_eq!(store.take_lease(DUTY, &two, span(2)).await.unwrap(), Some(2));
        // Whoever was asleep meanwhile can neither prolong it nor give it away.
        assert_eq!(store.renew_leases(&one, minute(9)).await.unwrap(), []);
        store.release_lease(DUTY, (&one, 1), minute(2)).await.unwrap();
        let [lease] = <[_; 1]>::try_from(store.leases().await.unwrap()).unwrap();
        assert_eq!((&*lease.holder, lease.token, lease.until), ("two", 2, minute(3)));
        // Given up, it is free at once.
        store.release_lease(DUTY, (&two, 2), minute(2)).await.unwrap();
        assert_eq!(store.renew_leases(&two, minute(9)).await.unwrap(), []);
        assert_eq!(store.take_lease(DUTY, &one, span(2)).await.unwrap(), Some(3));
        // Whoever leaves gives everything up.
        store.leave(&one, minute(2)).await.unwrap();
        assert_eq!(store.take_lease(DUTY, &two, span(2)).await.unwrap(), Some(4));
    }
}

#[tokio::test]
async fn a_restarted_replica_takes_over_from_itself_and_not_the_other_way_round() {
    for Bench { store, .. } in both().await {
        let former = join(&store, "one").await;
        assert_eq!(store.take_lease(DUTY, &former, span(0)).await.unwrap(), Some(1));
        let present = join(&store, "one").await;
        assert_eq!((former.number, present.number), (1, 2));
        assert_eq!(store.take_lease(DUTY, &present, span(0)).await.unwrap(), Some(2));
        assert_eq!(store.take_lease(DUTY, &former, span(0)).await.unwrap(), None);
        assert_eq!(store.renew_leases(&former, minute(5)).await.unwrap(), []);
        store.seen(&present, minute(1)).await.unwrap();
        store.seen(&former, minute(2)).await.unwrap_err();
        let [replica] = <[_; 1]>::try_from(store.replicas().await.unwrap()).unwrap();
        assert_eq!((replica.incarnation, replica.seen_at), (2, minute(1)));
    }
}

#[tokio::test]
async fn t63_what_belongs_to_a_lost_lease_is_not_written() {
    for Bench { store, url, .. } in both().await {
        let coinbase: ProviderId = "coinbase".parse().unwrap();
        assert_eq!(duty_of(&coinbase), DUTY);
        let successor = Store::open(&url).await.unwrap();
        let (one, two) = (join(&store, "one").await, join(&store, "two").await);
        let token = store.take_lease(DUTY, &one, span(0)).await.unwrap();
        store.fence(DUTY, token);
        store.record(&[change(1)], None).await.unwrap();
        let token = successor.take_lease(DUTY, &two, span(1)).await.unwrap();
        successor.fence(DUTY, token);
        successor.record(&[change(2)], None).await.unwrap();
        successor.remember_spent("coinbase", &[(60, vec![(1, 2)])]).await.unwrap();

        let both: BTreeSet<ProviderId> = [coinbase.clone()].into();
        assert!(store.may_write_of(&coinbase), "it does not know yet");
        let error = store.record_landed(&[change(3)], ("t", 7), &both).await.unwrap_err();
        assert!(error.is_fenced(), "{error}");
        assert!(!store.may_write_of(&coinbase), "now it does");
        let spent = store.remember_spent("coinbase", &[(60, Vec::new())]).await.unwrap_err();
        assert!(spent.is_fenced());
        let forgotten = store.forget(&[change(0).series]).await.unwrap_err();
        assert!(forgotten.is_fenced());
        // Others are not concerned.
        let import = Series { provider: "kraken".parse().unwrap(), ..change(0).series };
        store.record(&[SeriesChange { series: import, ..change(9) }], None).await.unwrap();

        let known = store.series_of(&coinbase, -1).await.unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].landings, 2);
        assert_eq!(store.landed_versions("t").await.unwrap().of(&coinbase), None);
        assert_eq!(store.spent("coinbase").await.unwrap(), [(60, vec![(1, 2)])]);
        successor.close().await;
    }
}

#[tokio::test]
async fn whoever_follows_finds_what_was_told_since() {
    for Bench { store, .. } in both().await {
        let coinbase: ProviderId = "coinbase".parse().unwrap();
        let one = join(&store, "one").await;
        let token = store.take_lease(DUTY, &one, span(0)).await.unwrap();
        store.fence(DUTY, token);
        let told = async || store.counts_of_leases().await.unwrap()[0].1;
        store.record(&[change(1)], None).await.unwrap();
        let before = told().await;
        assert_eq!(store.series_of(&coinbase, before).await.unwrap(), []);
        let other = Series { instrument: "ETHUSD".parse().unwrap(), ..change(0).series };
        let change = SeriesChange { series: other.clone(), ..change(5) };
        store.record(&[change], None).await.unwrap();
        assert!(told().await > before);
        let news = store.series_of(&coinbase, before).await.unwrap();
        assert_eq!(news.iter().map(|one| &one.series).collect::<Vec<_>>(), [&other]);
    }
}

#[tokio::test]
async fn every_provider_has_a_lake_version_of_its_own_and_the_old_common_one_is_understood() {
    for Bench { store, .. } in both().await {
        let [one, two]: [ProviderId; 2] = ["coinbase", "oanda"].map(|name| name.parse().unwrap());
        assert_eq!(store.landed_versions("t").await.unwrap().of(&one), None);
        store.record(&[], Some(("t", 4))).await.unwrap();
        let known = store.landed_versions("t").await.unwrap();
        assert_eq!((known.of(&one), known.of_others()), (Some(4), Some(4)));
        store.record_landed(&[], ("t", 9), &[one.clone()].into()).await.unwrap();
        store.record_landed(&[], ("t", 7), &[two.clone()].into()).await.unwrap();
        store.record_landed(&[], ("t_of_another", 1), &[two.clone()].into()).await.unwrap();
        let known = store.landed_versions("t").await.unwrap();
        assert_eq!(
            (known.of(&one), known.of(&two), known.of_others()),
            (Some(9), Some(7), Some(7))
        );
    }
}

#[tokio::test]
async fn a_store_keeps_its_name_and_belongs_to_one_lake() {
    for Bench { store, .. } in both().await {
        assert_eq!(store.identity("first").await.unwrap(), "first");
        assert_eq!(store.identity("second").await.unwrap(), "first");
        assert_eq!(store.lake_id().await.unwrap(), None);
        store.adopt_lake(None, "lake").await.unwrap();
        store.adopt_lake(None, "another").await.unwrap_err();
        assert_eq!(store.lake_id().await.unwrap().as_deref(), Some("lake"));
    }
}
