//! What is kept, and what is held up, as the store remembers it.

use barkeep::{
    market::By,
    store::{AuditEntry, AuditFilter, KeptAsset, Source, Store},
};
use serde_json::json;

use super::{Bench, both, minute};

fn kept(asset: &str, timeframes: &[&str], source: Source) -> KeptAsset {
    KeptAsset {
        asset: asset.parse().unwrap(),
        timeframes: timeframes.iter().map(|one| one.parse().unwrap()).collect(),
        providers: None,
        enabled: true,
        removed: false,
        source,
        changed_at: minute(1),
        changed_by: "somebody".to_owned(),
        reason: None,
    }
}

fn audit(minutes: i64) -> AuditEntry {
    let by = By { actor: "ann".to_owned(), request: "r1".to_owned() };
    AuditEntry::new(minute(minutes), &by, "a.command", &"a target", json!({}))
}

async fn audited(store: &Store) -> usize {
    store.audit(&AuditFilter::default(), 100).await.unwrap().len()
}

#[tokio::test]
async fn a_decision_reads_back_as_it_was_made_and_is_none_the_second_time() {
    for Bench { store, .. } in both().await {
        assert_eq!(store.roster_revision().await.unwrap(), 0);
        let providers = Some(["oanda", "coinbase"].map(|name| name.parse().unwrap()).into());
        let reason = Some("because".to_owned());
        let told = KeptAsset { providers, reason, ..kept("ETHUSD", &["1m", "1d"], Source::Api) };
        store.keep_asset(&told, &audit(1)).await.unwrap();
        let later = KeptAsset { changed_at: minute(9), reason: None, ..told.clone() };
        store.keep_asset(&later, &audit(9)).await.unwrap();
        assert_eq!(store.kept_assets().await.unwrap(), std::slice::from_ref(&told));
        let known = (store.roster_revision().await.unwrap(), audited(&store).await);
        assert_eq!(known, (1, 1));
        let asset = &told.asset;
        for _ in 0..2 {
            store.remove_asset(asset, Some("delisted"), &audit(10)).await.unwrap();
        }
        let [removed] = <[KeptAsset; 1]>::try_from(store.kept_assets().await.unwrap()).unwrap();
        assert_eq!((removed.removed, removed.enabled, &*removed.changed_by), (true, false, "ann"));
        assert_eq!(removed.changed_at, minute(10));
        let known = (store.roster_revision().await.unwrap(), audited(&store).await);
        assert_eq!(known, (2, 2));
    }
}

#[tokio::test]
async fn seeds_give_way_to_decisions_and_follow_the_settings_otherwise() {
    for Bench { store, .. } in both().await {
        let seeds = ["BTCUSD", "ETHUSD", "SOLUSD"].map(|name| kept(name, &["1m"], Source::Config));
        for _ in 0..2 {
            store.seed_assets(&seeds).await.unwrap();
            assert_eq!(store.roster_revision().await.unwrap(), 3, "once for each");
        }
        let decided = KeptAsset { enabled: false, ..kept("ETHUSD", &["1h"], Source::Api) };
        store.keep_asset(&decided, &audit(1)).await.unwrap();
        store.remove_asset(&"SOLUSD".parse().unwrap(), None, &audit(1)).await.unwrap();
        let seeds = ["BTCUSD", "ETHUSD", "SOLUSD"].map(|name| kept(name, &["5m"], Source::Config));
        store.seed_assets(&seeds).await.unwrap();
        let [btc, eth, sol] =
            <[KeptAsset; 3]>::try_from(store.kept_assets().await.unwrap()).unwrap();
        assert_eq!(btc, seeds[0]);
        assert_eq!(eth, decided);
        assert!(sol.removed && sol.source == Source::Api, "{sol:?}");
        assert_eq!(store.roster_revision().await.unwrap(), 6);
    }
}

#[tokio::test]
async fn schedules_are_held_up_once_go_on_once_and_count_what_was_asked_for() {
    for Bench { store, .. } in both().await {
        assert_eq!(store.schedules().await.unwrap(), []);
        store.resume_schedule("repair", &audit(1)).await.unwrap();
        assert_eq!((store.roster_revision().await.unwrap(), audited(&store).await), (0, 0));
        store.pause_schedule("repair", Some("quiet"), &audit(2)).await.unwrap();
        store.pause_schedule("repair", Some("again"), &audit(3)).await.unwrap();
        store.trigger_schedule("repair", &audit(4)).await.unwrap();
        store.trigger_schedule("compact", &audit(4)).await.unwrap();
        let [compact, repair] = &store.schedules().await.unwrap()[..] else { panic!("two") };
        assert_eq!((&*compact.name, compact.triggers, &compact.paused), ("compact", 1, &None));
        let paused = repair.paused.clone().unwrap();
        assert_eq!((&*paused.by, paused.since), ("ann", minute(2)));
        assert_eq!((paused.reason.as_deref(), repair.triggers), (Some("quiet"), 1));
        assert_eq!((store.roster_revision().await.unwrap(), audited(&store).await), (3, 3));
        store.resume_schedule("repair", &audit(5)).await.unwrap();
        assert_eq!(store.schedules().await.unwrap()[1].paused, None);
    }
}
