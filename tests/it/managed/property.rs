//! Whatever is merged in whatever order, the table is what a map would be, and its changes say so.

use std::collections::BTreeMap;

use barkeep::lake::Rest;
use proptest::prelude::*;

use super::{Row, Stage, batch, content, keyed, nobody, triples};

const ASSETS: [&str; 3] = ["A", "B", "C"];

/// A write: its rows, those that are to go, whether it is the whole table, and whether files are merged
/// afterwards.
type Step = (Vec<(usize, i64, u8)>, Vec<(usize, i64, u8)>, bool, bool);

/// The last of several rows of one key.
fn rows(given: &[(usize, i64, u8)]) -> Vec<Row> {
    let last: BTreeMap<_, _> =
        given.iter().map(|(asset, at, price)| ((*asset, *at), f64::from(*price))).collect();
    let row = |((asset, at), price): ((usize, i64), f64)| {
        (i32::try_from(at / 10).unwrap(), ASSETS[asset], at, price)
    };
    last.into_iter().map(row).collect()
}

async fn check(steps: Vec<Step>) {
    let stage = Stage::new().await;
    let table = stage.lake.managed(&keyed()).await.unwrap();
    let mut truth: BTreeMap<(String, i64), f64> = BTreeMap::new();
    for (given, leaving, is_whole, compacts) in steps {
        let (rows, leaving) = (rows(&given), rows(&leaving));
        let before = (table.version(), truth.clone());
        if is_whole {
            truth.clear();
        } else {
            truth.retain(|(own, own_at), _| {
                !leaving.iter().any(|(_, asset, at, _)| own == asset && own_at == at)
            });
        }
        truth.extend(rows.iter().map(|(_, asset, at, price)| (((*asset).to_owned(), *at), *price)));
        let leaving = batch(&leaving);
        let rest = match (is_whole, leaving.num_rows()) {
            (true, _) => Rest::Goes,
            (false, 0) => Rest::Stays,
            (false, _) => Rest::Without(&leaving),
        };
        let done = table.merge(&[batch(&rows)], rest, &nobody()).await.unwrap();
        if compacts {
            table.compact_fully().await.unwrap();
        }
        let changes = table.changes(before.0, &["asset", "at", "price"]).await.unwrap();
        let told: BTreeMap<_, _> = changes
            .rows
            .iter()
            .flat_map(triples)
            .map(|(asset, at, price)| ((asset, at), price))
            .collect();
        // A row that goes and comes again in one write has only changed.
        let news = truth.iter().filter(|(key, price)| before.1.get(*key) != Some(price));
        assert_eq!(told, news.map(|(key, price)| (key.clone(), *price)).collect());
        assert_eq!(done.inserted + done.updated, told.len() as u64);
        let gone = before.1.keys().filter(|key| !truth.contains_key(*key)).count();
        assert_eq!(done.removed, gone as u64);
        let expected: Vec<_> =
            truth.iter().map(|((asset, at), price)| (asset.clone(), *at, *price)).collect();
        assert_eq!(content(&table).await, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merges_are_what_a_map_would_be(
        steps in prop::collection::vec(
            (
                prop::collection::vec((0_usize..3, 0_i64..40, 0_u8..4), 0..12),
                prop::collection::vec((0_usize..3, 0_i64..40, 0_u8..1), 0..6),
                prop::bool::weighted(0.15),
                prop::bool::weighted(0.3),
            ),
            1..8,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(steps));
    }
}
