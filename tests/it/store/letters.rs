//! What becomes of dead letters, and whether their groups count them rightly.

use std::collections::BTreeMap;

use barkeep::{
    market::By,
    quality::DeadLetter,
    store::{
        AuditEntry, AuditFilter, DeadLetterFilter, KeptLetter, LetterGroup, LetterState,
        Resolution, Store,
    },
};
use bytes::Bytes;

use super::{Bench, both, execute, minute};

const BTC: &str = "coinbase/BTCUSD/1m";

/// A letter of its own for each number, of one group for each expectation.
fn letter(series: &str, expectation: &str, number: i64, seen: i64) -> DeadLetter {
    let detail = format!("high {number}.5 is below low 9");
    let raw = Bytes::from(format!("[{number}]"));
    let from = ("GET /a/test", minute(seen));
    DeadLetter::new(series.parse().unwrap(), Some(minute(number)), expectation, detail, raw, from)
}

async fn resolve(store: &Store, ids: &[&str], state: LetterState, request: &str) {
    let by = By { actor: "a test".to_owned(), request: request.to_owned() };
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let at = minute(90);
    let audit = AuditEntry::new(at, &by, "dead_letter.test", &"x", serde_json::json!({}));
    let resolution = Resolution { state, at, by: &by, reason: Some("because") };
    for _ in 0..2 {
        // Told twice, as after a lost connection, it is the same.
        store.resolve_letters(&ids, &resolution, &[], &audit).await.unwrap();
    }
}

async fn groups(store: &Store, state: LetterState) -> Vec<LetterGroup> {
    store.dead_letter_groups(state, None, 100).await.unwrap()
}

async fn letters(store: &Store, state: LetterState) -> Vec<KeptLetter> {
    let filter = DeadLetterFilter { state, ..DeadLetterFilter::default() };
    let letters = store.dead_letters(&filter, 1_000).await.unwrap();
    assert_eq!(store.dead_letters_of(&filter).await.unwrap(), letters.len() as i64);
    letters
}

/// Counts the letters anew, and compares.
async fn assert_counts_are_right(store: &Store) {
    let mut counted: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    let mut told: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for (n, state) in LetterState::ALL.into_iter().enumerate() {
        for kept in letters(store, state).await {
            counted.entry(kept.fingerprint).or_default()[n] += 1;
        }
        for group in groups(store, state).await {
            let LetterGroup { open, replayed, discarded, .. } = group;
            told.insert(group.fingerprint, [open, replayed, discarded]);
        }
    }
    assert_eq!(told, counted);
    let all: i64 = counted.values().flatten().sum();
    assert_eq!(store.dead_letter_count().await.unwrap(), all);
    let open: i64 = store.open_dead_letters().await.unwrap().iter().map(|kind| kind.letters).sum();
    assert_eq!(open, counted.values().map(|[open, ..]| open).sum::<i64>());
}

#[tokio::test]
async fn letters_of_one_fault_are_one_group_with_a_sample_and_its_times() {
    for Bench { store, .. } in both().await {
        for seen in [3, 3, 5] {
            let kept = [letter(BTC, "on_grid", 1, seen), letter(BTC, "finite", 1, seen)];
            store.keep(&kept).await.unwrap();
        }
        let more =
            [letter("coinbase/ETHUSD/5m", "on_grid", 2, 4), letter("x/BTC/1m", "on_grid", 3, 4)];
        store.keep(&more).await.unwrap();
        let groups = groups(&store, LetterState::Open).await;
        assert_eq!(groups.len(), 3, "{groups:#?}");
        let first = letter(BTC, "on_grid", 1, 3);
        let group = groups.iter().find(|group| group.fingerprint == first.fingerprint().name);
        let group = group.unwrap();
        assert_eq!((group.open, group.replayed, group.discarded), (2, 0, 0));
        assert_eq!((&*group.provider, &*group.pattern), ("coinbase", "high # is below low #"));
        assert_eq!((group.first_seen_at, group.last_seen_at), (minute(3), minute(5)));
        assert_eq!(group.sample_id, first.id);
        assert_counts_are_right(&store).await;
        assert_eq!(store.oldest_dead_letter().await.unwrap(), Some(minute(3)));
    }
}

#[tokio::test]
async fn what_is_decided_twice_counts_once_and_only_open_letters_are_decided_about() {
    for Bench { store, .. } in both().await {
        let all: Vec<_> = (0..6).map(|n| letter(BTC, "on_grid", n, 5)).collect();
        store.keep(&all).await.unwrap();
        let ids: Vec<&str> = all.iter().map(|letter| &*letter.id).collect();
        resolve(&store, &ids[..2], LetterState::Replayed, "1").await;
        resolve(&store, &ids[..4], LetterState::Discarded, "2").await;
        resolve(&store, &["dl_0"], LetterState::Discarded, "3").await;
        assert_counts_are_right(&store).await;
        let count = async |state| letters(&store, state).await.len();
        assert_eq!(count(LetterState::Open).await, 2);
        assert_eq!(count(LetterState::Replayed).await, 2);
        assert_eq!(count(LetterState::Discarded).await, 2);
        let kept = store.dead_letter(ids[3]).await.unwrap().unwrap();
        let resolved = kept.resolution.unwrap();
        assert_eq!((resolved.at, &*resolved.by), (minute(90), "a test"));
        assert_eq!(resolved.reason.as_deref(), Some("because"));
        assert_eq!(kept.letter, all[3], "the bytes are what they were");
        let audit = store.audit(&AuditFilter::default(), 10).await.unwrap();
        assert_eq!(audit.len(), 3, "one entry for each command, however often it was told");
    }
}

#[tokio::test]
async fn what_is_refused_anew_is_open_again_and_what_is_only_told_again_is_not() {
    for Bench { store, .. } in both().await {
        for state in [LetterState::Replayed, LetterState::Discarded] {
            let number = state as i64;
            store.keep(&[letter(BTC, "on_grid", number, 5)]).await.unwrap();
            let id = letter(BTC, "on_grid", number, 5).id;
            resolve(&store, &[&id], state, "1").await;
            store.keep(&[letter(BTC, "on_grid", number, 5)]).await.unwrap();
            let is = async || store.dead_letter(&id).await.unwrap().unwrap();
            assert_eq!(is().await.state, state, "the same answer");
            for _ in 0..2 {
                store.keep(&[letter(BTC, "on_grid", number, 6)]).await.unwrap();
                let kept = is().await;
                assert_eq!((kept.state, kept.times_seen), (LetterState::Open, 2));
                assert_eq!(kept.resolution, None);
                assert_counts_are_right(&store).await;
            }
        }
    }
}

/// By day some letters arrive and some are decided about while somebody turns the pages.
#[tokio::test]
async fn t77_pages_neither_skip_nor_repeat_while_letters_come_and_go() {
    for Bench { store, .. } in both().await {
        let all: Vec<_> = (0..40).map(|n| letter(BTC, "on_grid", n, n / 7)).collect();
        store.keep(&all).await.unwrap();
        let mut filter = DeadLetterFilter::default();
        let (mut seen, mut gone) = (Vec::new(), Vec::new());
        for turn in 0.. {
            let page = store.dead_letters(&filter, 6).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.position());
            seen.extend(page.iter().map(|kept| kept.letter.id.clone()));
            // The one at which the page ended, and one that is yet to come, are decided about.
            let yet_to_come = all.iter().rev().find(|one| {
                !seen.contains(&one.id) && !gone.contains(&one.id) && one.extracted_at < minute(4)
            });
            let decided = [Some(last.letter.id.clone()), yet_to_come.map(|one| one.id.clone())];
            gone.extend(decided[1].clone());
            for id in decided.iter().flatten() {
                resolve(&store, &[id], LetterState::Discarded, "1").await;
            }
            store.keep(&[letter(BTC, "on_grid", 100 + turn, 50 + turn)]).await.unwrap();
        }
        let mut expected: Vec<_> = all.iter().map(|one| one.id.clone()).collect();
        expected.retain(|id| !gone.contains(id));
        assert_eq!(seen.len(), expected.len(), "each once");
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected);
        assert!(gone.len() > 3, "{gone:?}");
        assert_counts_are_right(&store).await;
    }
}

#[tokio::test]
async fn groups_are_listed_page_by_page_by_state() {
    for Bench { store, .. } in both().await {
        let names = ["a", "b", "c", "d", "e"];
        for (n, name) in (0..).zip(names) {
            store.keep(&[letter(BTC, name, n, n / 2)]).await.unwrap();
        }
        let done = letter(BTC, "c", 2, 1);
        resolve(&store, &[&done.id], LetterState::Replayed, "1").await;
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let place = after.as_ref().map(|(at, name): &(_, String)| (*at, &**name));
            let page = store.dead_letter_groups(LetterState::Open, place, 1).await.unwrap();
            let Some(group) = page.into_iter().next() else { break };
            after = Some((group.first_seen_at, group.fingerprint.clone()));
            walked.push(group.expectation);
        }
        assert_eq!(walked, ["e", "d", "b", "a"]);
        let replayed = groups(&store, LetterState::Replayed).await;
        assert_eq!(replayed.len(), 1);
        assert_eq!((replayed[0].open, replayed[0].replayed), (0, 1));
    }
}

#[tokio::test]
async fn letters_of_an_older_version_are_put_into_their_groups_when_the_store_is_opened() {
    for Bench { url, store, _folder, _cluster } in both().await {
        let all: Vec<_> = (0..5).map(|n| letter(BTC, "on_grid", n, n)).collect();
        store.keep(&all).await.unwrap();
        let before = groups(&store, LetterState::Open).await;
        store.close().await;
        let whole = secrecy::ExposeSecret::expose_secret(url.whole()).to_owned();
        execute(&whole, "delete from dead_letter_group; update dead_letter set fingerprint = ''")
            .await;
        let again = Store::open(&url).await.unwrap();
        assert_counts_are_right(&again).await;
        let after = groups(&again, LetterState::Open).await;
        assert_eq!((after[0].open, &after[0].pattern), (5, &before[0].pattern));
        again.close().await;
    }
}
