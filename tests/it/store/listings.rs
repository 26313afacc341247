//! What is listed by filter and page: dead letters and findings.

use barkeep::{
    market::{Series, Window},
    quality::{Check, DeadLetter, Divergence, Finding},
    store::{DeadLetterFilter, DeadLetterPosition, FindingFilter, Store},
};
use bytes::Bytes;

use super::{Bench, both, minute};

fn letter(subject: &str, expectation: &str, raw: &'static [u8], seen: i64) -> DeadLetter {
    let open_time = (!raw.is_empty()).then(|| minute(1));
    let (detail, raw) = ("high: 1 is below low".to_owned(), Bytes::from_static(raw));
    let from = ("a test", minute(seen));
    DeadLetter::new(subject.parse().unwrap(), open_time, expectation, detail, raw, from)
}

async fn listed(store: &Store, filter: &DeadLetterFilter, limit: u32) -> Vec<String> {
    let letters = store.dead_letters(filter, limit).await.unwrap();
    assert!(letters.iter().all(|kept| kept.letter.raw.is_empty()), "bytes are not listed");
    letters.into_iter().map(|kept| kept.letter.id).collect()
}

#[tokio::test]
async fn a_letter_keeps_its_bytes_and_is_counted_once_for_each_time() {
    for Bench { store, .. } in both().await {
        let letter = |seen| letter("coinbase/BTCUSD/1m", "high_is_highest", b"\x00\xff[1,2]", seen);
        for seen in [5, 5, 6, 6, 6] {
            store.keep(&[letter(seen)]).await.unwrap();
        }
        let kept = store.dead_letter(&letter(5).id).await.unwrap().unwrap();
        assert_eq!(kept.letter, letter(5));
        assert_eq!((kept.times_seen, kept.last_seen_at), (2, minute(6)));
        assert_eq!(store.dead_letter_count().await.unwrap(), 1);
        assert_eq!(store.dead_letter("dl_0").await.unwrap(), None);
    }
}

/// PostgreSQL refuses a zero character, and a landing waits for its dead letters.
#[tokio::test]
async fn a_providers_zero_character_stops_nothing() {
    for Bench { store, .. } in both().await {
        let mut letter = letter("alpha_vantage/news/BTCUSD", "readable", b"", 1);
        letter.detail = "title: \"a\0b\"".to_owned();
        store.keep(std::slice::from_ref(&letter)).await.unwrap();
        let kept = store.dead_letter(&letter.id).await.unwrap().unwrap();
        assert_eq!(kept.letter.detail, "title: \"a\u{fffd}b\"");
        assert_eq!(kept.letter.open_time, None);
    }
}

#[tokio::test]
async fn letters_are_listed_newest_first_page_by_page() {
    for Bench { store, .. } in both().await {
        let letters = [
            letter("coinbase/BTCUSD/1m", "a", b"1", 1),
            letter("coinbase/BTCUSD/1m", "b", b"2", 2),
            letter("coinbase/ETHUSD/1m", "a", b"3", 2),
            letter("alpha_vantage/macro/CPI", "a", b"4", 2),
            letter("coinbase/BTCUSD/1m", "a", b"5", 3),
        ];
        store.keep(&letters).await.unwrap();
        let mut newest = letters.to_vec();
        newest.sort_by_key(|letter| std::cmp::Reverse((letter.extracted_at, letter.id.clone())));
        let ids: Vec<_> = newest.iter().map(|letter| letter.id.clone()).collect();
        assert_eq!(listed(&store, &DeadLetterFilter::default(), 9).await, ids);
        let mut paged = Vec::new();
        let mut filter = DeadLetterFilter::default();
        while let [id] = &listed(&store, &filter, 1).await[..] {
            let letter = newest.iter().find(|letter| letter.id == *id).unwrap();
            let (extracted_at, id) = (letter.extracted_at, letter.id.clone());
            paged.push(id.clone());
            filter.after = Some(DeadLetterPosition { extracted_at, id });
        }
        assert_eq!(paged, ids);
        let of_btc = DeadLetterFilter {
            subject: Some("coinbase/BTCUSD/1m".parse().unwrap()),
            expectation: Some("a".to_owned()),
            ..DeadLetterFilter::default()
        };
        let ids = [&letters[4], &letters[0]].map(|letter| letter.id.clone());
        assert_eq!(listed(&store, &of_btc, 9).await, ids);
    }
}

fn finding(other: &str, at: i64, bps: f64) -> Finding {
    Finding {
        check: Check::ProviderDivergence,
        series: "coinbase/BTCUSD/1m".parse().unwrap(),
        other: other.parse().unwrap(),
        open_time: minute(at),
        divergence: Divergence { field: "close", bps },
        found_at: minute(60),
    }
}

#[tokio::test]
async fn findings_of_a_window_are_replaced_and_listed_by_check_and_asset() {
    for Bench { store, .. } in both().await {
        let (oanda, third) = ("oanda/BTCUSD/1m", "o_c/BTCUSD/1m");
        let key = |other: &str| other.parse::<Series>().unwrap();
        let series = key("coinbase/BTCUSD/1m");
        let compared = async |check, other: &str, until, findings: &[Finding]| {
            let window = Window::new(minute(0), minute(until));
            store.compared((check, &series, &key(other)), window, findings).await.unwrap();
        };
        let divergence = Check::ProviderDivergence;
        let found = [finding(oanda, 1, 31.5), finding(oanda, 5, 1.0 / 3.0)];
        compared(divergence, oanda, 6, &found).await;
        compared(divergence, third, 6, &[finding(third, 5, 2.0)]).await;
        // The first has gone; the last is beyond the window.
        compared(divergence, oanda, 5, &[finding(oanda, 2, 40.0)]).await;
        compared(Check::TimeframeMismatch, oanda, 6, &[]).await;

        let all = [finding(third, 5, 2.0), found[1].clone(), finding(oanda, 2, 40.0)];
        let list = async |check, asset: Option<&str>, limit| {
            let asset = asset.map(|asset| asset.parse().unwrap());
            store.findings(&FindingFilter { check, asset }, limit).await.unwrap()
        };
        assert_eq!(list(None, None, 9).await, all);
        assert_eq!(list(None, None, 1).await, all[..1]);
        assert_eq!(list(Some(divergence), Some("BTCUSD"), 9).await, all);
        assert_eq!(list(Some(Check::TimeframeMismatch), None, 9).await, []);
        assert_eq!(list(None, Some("ETHUSD"), 9).await, []);
        let counts = store.finding_counts().await.unwrap();
        assert_eq!(counts, [("provider_divergence".to_owned(), 3)]);
    }
}
