//! Each way of listing is answered from one index, in its order.

use super::*;

/// Every combination of filters, with the index that it is to be answered from.
fn filters() -> Vec<(DeadLetterFilter, &'static str)> {
    let group = "coinbase.on_grid.0123456789ab";
    let mut all = Vec::new();
    for (series, expectation, fingerprint, index) in [
        (false, false, false, "dead_letter_newest"),
        (true, false, false, "dead_letter_series"),
        (false, true, false, "dead_letter_expectation"),
        (false, false, true, "dead_letter_fingerprint"),
        (false, true, true, "dead_letter_fingerprint"),
        (true, true, false, "dead_letter_series_expectation"),
        (true, false, true, "dead_letter_series_fingerprint"),
        (true, true, true, "dead_letter_series_fingerprint"),
    ] {
        for state in LetterState::ALL {
            let filter = DeadLetterFilter {
                state,
                subject: series.then(|| "coinbase/BTCUSD/1m".parse().unwrap()),
                expectation: expectation.then(|| "on_grid".to_owned()),
                fingerprint: fingerprint.then(|| group.to_owned()),
                after: None,
            };
            all.push((filter, index));
        }
    }
    all
}

async fn plan(store: &Store, text: &str, filter: &DeadLetterFilter, places: &[String]) -> String {
    let text: &'static str = format!("explain query plan {text}").leak();
    let places = filter.filled(text, places).bind(10);
    let steps: Vec<(i64, i64, i64, String)> = store.engine.read(places).await.unwrap();
    steps.into_iter().map(|(.., step)| step).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_page_is_read_from_one_index_and_sorted_by_it_whatever_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    for (filter, index) in filters() {
        let (Texts { list, .. }, places) = filter.texts().unwrap();
        let plan = plan(&store, list, &filter, &places).await;
        assert!(plan.contains(&format!("USING INDEX {index} (state=?")), "{filter:?}: {plan}");
        assert!(plan.contains("(extracted_at,dead_letter_id)<"), "{filter:?}: {plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
    }
    store.close().await;
}

#[test]
fn a_group_of_another_expectation_has_no_letters_of_this_one() {
    let filter = DeadLetterFilter {
        expectation: Some("finite".to_owned()),
        fingerprint: Some("coinbase.on_grid.0123456789ab".to_owned()),
        ..DeadLetterFilter::default()
    };
    assert!(filter.texts().is_none());
}
