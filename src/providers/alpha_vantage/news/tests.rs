//! Questions, articles as recorded and as they might be, and refusals.

use serde_json::json;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn page(asset: &str, body: impl Into<Bytes>) -> Result<RawItems<Mention>, ProviderError> {
    let provenance = Provenance {
        extracted_at: at("2026-05-17T12:00:00Z"),
        made_at: at("2026-05-17T12:00:00Z"),
        source: "test".into(),
        is_mock: true,
        is_derived: false,
    };
    read(&asset.parse().unwrap(), provenance, &body.into())
}

fn article(minute: usize) -> serde_json::Value {
    json!({
        "title": "A \"quoted\" title", "url": format!("https://example.org/{minute}"),
        "time_published": format!("202605{:02}T{:02}{:02}00", 1 + minute / 1440, minute / 60 % 24, minute % 60),
        "source": "Example", "mood": {"unknown": ["field"]},
        "topics": [{"topic": "technology", "relevance_score": "0.8"}, {"topic": "finance"}],
        "overall_sentiment_score": 0.2,
        "ticker_sentiment": [
            {"ticker": "CRYPTO:ETH", "relevance_score": "0.1", "ticker_sentiment_score": "-0.5"},
            {"ticker": "CRYPTO:BTC", "relevance_score": "0.9", "ticker_sentiment_score": -0.25,
                "ticker_sentiment_label": "Somewhat-Bearish"},
        ],
    })
}

fn body(feed: &[serde_json::Value]) -> String {
    json!({"items": feed.len().to_string(), "feed": feed, "new": 1}).to_string()
}

#[test]
fn each_class_has_its_spelling_and_the_earliest_come_first() {
    let window = Window::new(at("2026-05-01T10:20:30Z"), at("2026-05-08T10:20:30Z"));
    for (asset, spelling) in [("BTCUSD", "CRYPTO:BTC"), ("EURUSD", "FOREX:EUR"), ("IBM", "IBM")] {
        let question = question(&asset.parse().unwrap(), window);
        let told: Vec<_> = question.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            told.join("&"),
            format!(
                "function=NEWS_SENTIMENT&tickers={spelling}&time_from=20260501T1020&\
                 time_to=20260508T1021&sort=EARLIEST&limit=1000"
            )
        );
    }
}

#[test]
fn t20_scores_are_read_as_texts_or_numbers_and_what_is_unknown_is_no_matter() {
    let read = page("BTCUSD", body(&[article(61)])).unwrap();
    let (mention, raw) = &read.items[0];
    assert_eq!((mention.relevance, mention.sentiment), (0.9, -0.25));
    assert_eq!(
        (mention.label.as_str(), &mention.topics[..]),
        ("Somewhat-Bearish", &["technology".into(), "finance".into()][..])
    );
    assert_eq!(
        (mention.title.as_str(), mention.published_at),
        ("A \"quoted\" title", at("2026-05-01T01:01:00Z"))
    );
    assert_eq!(serde_json::from_slice::<serde_json::Value>(raw).unwrap(), article(61));
    let other = page("ETHUSD", body(&[article(61)])).unwrap();
    assert_eq!(other.items[0].0.article_id(), mention.article_id(), "one article, two mentions");
    assert_eq!(other.items[0].0.sentiment, -0.5);
    assert!(page("SOLUSD", body(&[article(61)])).unwrap().items.is_empty());
}

#[test]
fn t21_one_bad_article_costs_one_article_and_keeps_its_bytes() {
    let broken = [
        ("time_published", json!("yesterday")),
        ("time_published", json!(20_260_501)),
        ("url", json!(null)),
        ("ticker_sentiment", json!({})),
        (
            "ticker_sentiment",
            json!([{"ticker": "CRYPTO:BTC", "relevance_score": "x", "ticker_sentiment_score": 0}]),
        ),
    ];
    for (field, value) in broken {
        let mut bad = article(2);
        bad[field] = value;
        let read = page("BTCUSD", body(&[article(1), bad.clone(), article(3)])).unwrap();
        assert_eq!((read.items.len(), read.unreadable.len()), (2, 1), "{bad}");
        let kept: serde_json::Value = serde_json::from_slice(&read.unreadable[0].0).unwrap();
        assert_eq!(kept, bad);
    }
}

#[test]
fn only_a_full_answer_has_more_to_come_and_it_must_begin_with_the_earliest() {
    let feed: Vec<_> = (0..MOST).map(article).collect();
    let more_from = |feed: &[serde_json::Value]| page("BTCUSD", body(feed)).unwrap().more_from;
    assert_eq!(more_from(&feed), Some(at("2026-05-01T16:39:00Z")));
    assert_eq!(more_from(&feed[1..]), None);
    assert_eq!(more_from(&[]), None);
    let newest_first: Vec<_> = feed.into_iter().rev().collect();
    let refused = page("BTCUSD", body(&newest_first)).unwrap_err();
    assert_eq!(refused.outcome(), "malformed");
}

#[test]
fn t01_t16_what_has_no_feed_is_a_refusal_or_malformed() {
    let quota = r#"{"Information": "our standard API rate limit is 25 requests per day"}"#;
    let plan = r#"{"Information": "This is a premium endpoint."}"#;
    let cases = [
        (quota, "exhausted"),
        (plan, "not_in_plan"),
        ("<html>", "malformed"),
        ("", "malformed"),
        ("{\"feed\": 3}", "malformed"),
        ("{}", "unknown_symbol"),
    ];
    for (body, outcome) in cases {
        assert_eq!(page("BTCUSD", body).unwrap_err().outcome(), outcome, "{body}");
    }
}

/// A recorded answer about AAPL, where the recordings are at hand. It is newest first, as answers are
/// that nobody asked to begin with the earliest.
#[test]
fn a_recorded_answer_reads_whole() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/corpus/alpha_vantage/NEWS_SENTIMENT_37784e1e.json"
    );
    let Ok(body) = std::fs::read(path) else {
        println!("skipped: the corpus is not here");
        return;
    };
    let read = page("AAPL", body.clone()).unwrap();
    assert_eq!((read.items.len(), read.unreadable.len()), (50, 0));
    let (first, _) = &read.items[0];
    assert_eq!(first.published_at, at("2026-05-17T11:01:00Z"));
    assert_eq!(
        (first.relevance, first.sentiment, first.label.as_str()),
        (1.0, 0.061_509, "Neutral")
    );
    let feed = "alpha_vantage/news/AAPL".parse().unwrap();
    let judged = crate::quality::judge(&feed, read);
    assert_eq!((judged.valid.len(), judged.refused.len()), (50, 0));
    let other = page("INTC", body).unwrap().items.len();
    assert!((1..50).contains(&other), "{other}");
}
