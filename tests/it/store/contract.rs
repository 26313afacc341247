//! What is remembered of series, budgets and feeds.

use barkeep::{
    error::ErrorClass,
    market::{Fact, Feed, Run, Series, Window},
    store::{SeriesChange, SeriesRecord, Store},
};

use super::{Bench, both, minute};

fn run(from: i64, until: i64, value: Fact) -> Run<Fact> {
    Run { window: Window::new(minute(from), minute(until)), value }
}

/// What a landing of `facts` changes; they touch one another.
fn change(series: &str, landings: i64, facts: &[Run<Fact>]) -> SeriesChange {
    let start = facts.iter().map(|run| run.window.start).min().unwrap();
    let end = facts.iter().map(|run| run.window.end).max().unwrap();
    SeriesChange {
        series: series.parse().unwrap(),
        origin: minute(0),
        landings,
        window: Window::new(start, end),
        facts: facts.to_vec(),
    }
}

async fn only_series(store: &Store) -> SeriesRecord {
    let [record] = <[SeriesRecord; 1]>::try_from(store.series().await.unwrap()).unwrap();
    record
}

#[tokio::test]
async fn every_fact_reads_back_as_it_was_told() {
    for Bench { store, .. } in both().await {
        let facts = [
            run(0, 3, Fact::BeforeHistory),
            run(3, 9, Fact::Final),
            run(9, 10, Fact::NoTrade),
            run(10, 12, Fact::Quarantined { asks: 2, asked_at: 1_700_000_000_000_000 }),
            run(12, 15, Fact::Waived),
            run(15, 16, Fact::Absent { asks: 255, asked_at: -1 }),
        ];
        let told = change("coinbase/BTCUSD/1m", 7, &facts);
        store.record(std::slice::from_ref(&told), None).await.unwrap();
        let record = only_series(&store).await;
        assert_eq!(record.facts, facts);
        let SeriesChange { series, origin, landings, .. } = told;
        let read = (record.series, record.origin, record.landings);
        assert_eq!(read, (series, origin, landings));
    }
}

#[tokio::test]
async fn runs_that_a_change_touches_give_way_and_others_stay() {
    for Bench { store, .. } in both().await {
        let (btc, eth) = ("coinbase/BTCUSD/1m", "coinbase/ETHUSD/1m");
        let apart = [run(0, 2, Fact::Final), run(4, 6, Fact::NoTrade), run(8, 9, Fact::Final)];
        store.record(&[change(btc, 1, &apart), change(eth, 1, &apart)], None).await.unwrap();
        let merged = [run(0, 6, Fact::Final)];
        for _ in 0..2 {
            // Told twice it is the same.
            store.record(&[change(btc, 2, &merged)], Some(("t", 4))).await.unwrap();
        }
        let [first, second] = <[SeriesRecord; 2]>::try_from(store.series().await.unwrap()).unwrap();
        assert_eq!(first.facts, [run(0, 6, Fact::Final), run(8, 9, Fact::Final)]);
        assert_eq!((second.facts, second.landings), (apart.to_vec(), 1));
        let series: Series = btc.parse().unwrap();
        store.forget(&[series]).await.unwrap();
        let records = store.series().await.unwrap();
        assert_eq!(
            (records[0].facts.len(), records[0].landings, records[1].facts.len()),
            (0, 0, 3)
        );
    }
}

#[tokio::test]
async fn what_was_made_out_before_a_landing_and_written_after_it_does_not_take_it_back() {
    for Bench { store, .. } in both().await {
        let btc = "coinbase/BTCUSD/1m";
        let facts = [run(0, 2, Fact::Final)];
        let mut told = Vec::new();
        for landings in [1, 3, 2, 4] {
            store.record(&[change(btc, landings, &facts)], None).await.unwrap();
            told.push(only_series(&store).await.landings);
        }
        assert_eq!(told, [1, 3, 3, 4]);
        // A lake that was set back knows of fewer.
        store.forget(&[btc.parse().unwrap()]).await.unwrap();
        store.record(&[change(btc, 2, &facts)], None).await.unwrap();
        assert_eq!(only_series(&store).await.landings, 2);
    }
}

/// English sorts `b` before `B`, and passes over the slash.
#[tokio::test]
async fn series_come_in_the_order_of_their_bytes_whatever_the_language_of_the_database() {
    let names =
        ["alpha/BTCUSD/1m", "b/BTC/1m", "b_c/BTC/1m", "ba/BTC/15m", "ba/BTC/1m", "ba1/A/1m"];
    for Bench { store, .. } in both().await {
        let changes: Vec<_> =
            names.iter().rev().map(|name| change(name, 1, &[run(0, 1, Fact::Final)])).collect();
        store.record(&changes, None).await.unwrap();
        let records = store.series().await.unwrap();
        let read: Vec<_> = records.iter().map(|record| record.series.to_string()).collect();
        let mut sorted = names.map(str::to_owned);
        sorted.sort();
        assert_eq!(read, sorted);
        assert!(records.iter().all(|record| record.facts.len() == 1), "{records:?}");
    }
}

#[tokio::test]
async fn a_change_is_written_whole_or_not_at_all() {
    for Bench { store, .. } in both().await {
        store.record(&[], Some(("t", 3))).await.unwrap();
        let good = change("coinbase/BTCUSD/1m", 1, &[run(0, 1, Fact::Final)]);
        let bad = SeriesChange { facts: vec![run(5, 5, Fact::Final)], ..good.clone() };
        let error = store.record(&[good.clone(), bad], Some(("t", 4))).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unavailable);
        assert_eq!(store.series().await.unwrap(), []);
        assert_eq!(store.lake_version("t").await.unwrap(), Some(3));
        store.record(&[good], Some(("t", 4))).await.unwrap();
        assert_eq!(store.series().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_lakes_versions_are_kept_by_table() {
    for Bench { store, .. } in both().await {
        assert_eq!(store.lake_version("a").await.unwrap(), None);
        for (table, version) in [("a", 0), ("b", 1), ("a", u64::from(u32::MAX) * 9)] {
            store.record(&[], Some((table, version))).await.unwrap();
            assert_eq!(store.lake_version(table).await.unwrap(), Some(version));
        }
        assert_eq!(store.lake_version("b").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn what_was_spent_is_replaced_by_account_and_span() {
    for Bench { store, .. } in both().await {
        let day = (86_400, vec![(1_700_000_000_000_000, 3), (1_700_000_001_000_000, 1)]);
        store.remember_spent("coinbase", &[(1, vec![]), day.clone()]).await.unwrap();
        store.remember_spent("oanda", &[(1, vec![(1, u32::MAX)])]).await.unwrap();
        store.remember_spent("coinbase", &[(1, vec![(5, 5)])]).await.unwrap();
        let mut spent = store.spent("coinbase").await.unwrap();
        spent.sort();
        assert_eq!(spent, [(1, vec![(5, 5)]), day]);
        assert_eq!(store.spent("oanda").await.unwrap(), [(1, vec![(1, u32::MAX)])]);
        assert_eq!(store.spent("nobody").await.unwrap(), []);
    }
}

#[tokio::test]
async fn feeds_remember_when_they_were_last_collected() {
    for Bench { store, .. } in both().await {
        let feed = |name: &str| name.parse::<Feed>().unwrap();
        let (news, cpi) = (feed("alpha_vantage/news/BTCUSD"), feed("alpha_vantage/macro/CPI"));
        for at in [1, 2] {
            store.collected(&news, minute(at)).await.unwrap();
        }
        store.collected(&cpi, minute(3)).await.unwrap();
        let feeds = store.feeds().await.unwrap();
        assert_eq!(feeds, [(cpi, minute(3)), (news, minute(2))]);
    }
}

#[tokio::test]
async fn a_store_that_is_opened_again_remembers_and_a_closed_one_refuses() {
    for Bench { url, store, .. } in both().await {
        store.ping().await.unwrap();
        let told = change("coinbase/BTCUSD/1m", 1, &[run(0, 1, Fact::Final)]);
        store.record(&[told], Some(("t", 9))).await.unwrap();
        store.close().await;
        assert!(store.ping().await.is_err());
        assert!(store.record(&[], Some(("t", 10))).await.is_err());
        let again = Store::open(&url).await.unwrap();
        assert_eq!(only_series(&again).await.landings, 1);
        assert_eq!(again.lake_version("t").await.unwrap(), Some(9));
        again.close().await;
    }
}
