//! One letter at a time: what lands, what does not, and why.

use barkeep::{
    market::{Fact, Series},
    quality::DeadLetter,
    store::{AuditFilter, LetterState},
};
use chrono::TimeDelta;
use serde_json::json;

use super::{BTC, DISCARD, REPLAY, at, counts, keep, kept, landed, letter, replay, row, state};
use crate::support::test_app::TestApp;

#[tokio::test]
async fn a_row_that_is_understood_by_now_lands_once_as_received_when_it_was() {
    let app = TestApp::start().await;
    let received_at = at("2024-03-06T11:00:00Z");
    let (opens, raw) = row(0, 105.0);
    let kept_as = letter(&raw, received_at);
    keep(&app, std::slice::from_ref(&kept_as)).await;

    let preview = app.post(REPLAY, &json!({ "ids": [kept_as.id], "dry_run": true })).await.ok();
    assert_eq!((counts(&preview), preview["matched"].as_i64()), ([1, 0, 0, 0], Some(1)));
    assert_eq!(state(&app, &kept_as).await, LetterState::Open);
    assert_eq!(landed(&app, BTC).await, [], "a preview lands nothing");
    assert_eq!(app.app.store.audit(&AuditFilter::default(), 9).await.unwrap(), []);

    for expected in [[1, 0, 0, 0], [0, 0, 0, 0]] {
        assert_eq!(counts(&replay(&app, &kept_as).await), expected);
        let candles = landed(&app, BTC).await;
        let [candle] = candles[..] else { panic!("{candles:?}") };
        assert_eq!((candle.candle.open_time, candle.candle.close), (opens, 105.0));
        assert_eq!((candle.extracted_at, candle.revision), (received_at, 0));
        assert!(candle.is_mock, "it came from a simulated exchange");
    }
    let after = kept(&app, &kept_as.id).await;
    assert_eq!(after.letter, kept_as, "the bytes are what they were");
    assert_eq!(after.state, LetterState::Replayed);
    let resolved = after.resolution.unwrap();
    assert_eq!((resolved.at, &*resolved.by), (app.now(), "local"));
    let series: Series = BTC.parse().unwrap();
    let book = app.app.books.get(&series).unwrap();
    assert_eq!(book.with_ledger(|ledger| ledger.fact_at(opens)), Some(Fact::Final));
    let audit = app.app.store.audit(&AuditFilter::default(), 9).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!((&*audit[0].command, &*audit[0].target), ("dead_letter.replay", &*kept_as.id));
    // A restart knows it as well, from the store and from the lake.
    let app = app.restart().await;
    let book = app.app.books.get(&series).unwrap();
    assert_eq!(book.with_ledger(|ledger| ledger.fact_at(opens)), Some(Fact::Final));
    assert_eq!(landed(&app, BTC).await.len(), 1);
}

#[tokio::test]
async fn what_had_landed_before_a_crash_is_unchanged_and_resolved_afterwards() {
    let app = TestApp::start().await;
    let one = letter(&row(0, 105.0).1, at("2024-03-06T11:00:00Z"));
    keep(&app, std::slice::from_ref(&one)).await;
    app.app.replayer.replay(vec![one.clone()], false).await.unwrap();
    assert_eq!(state(&app, &one).await, LetterState::Open, "it dies before it says so");
    let app = app.restart().await;
    assert_eq!(counts(&replay(&app, &one).await), [0, 1, 0, 0]);
    assert_eq!(state(&app, &one).await, LetterState::Replayed);
    assert_eq!(landed(&app, BTC).await.len(), 1);
}

#[tokio::test]
async fn two_replays_at_once_land_as_much_as_one() {
    let app = TestApp::start().await;
    let letters: Vec<_> =
        (0..30).map(|n| letter(&row(n, 105.0).1, at("2024-03-06T11:00:00Z"))).collect();
    keep(&app, &letters).await;
    let ids: Vec<_> = letters.iter().map(|one| &one.id).collect();
    let body = json!({ "ids": ids });
    let (one, other) = tokio::join!(app.post(REPLAY, &body), app.post(REPLAY, &body));
    let (one, other) = (counts(&one.ok()), counts(&other.ok()));
    assert_eq!(one[0] + other[0], 30, "{one:?} and {other:?}");
    let candles = landed(&app, BTC).await;
    assert_eq!(candles.len(), 30);
    assert!(candles.iter().all(|candle| candle.revision == 0));
}

/// A row of ten o'clock, received at eleven, while the lake has what was received at noon.
#[tokio::test]
async fn an_older_account_never_takes_the_place_of_a_newer_one() {
    let app = TestApp::start().await;
    app.poll(BTC).await.unwrap();
    let before = landed(&app, BTC).await;
    let opens = row(0, 0.0).0;
    assert!(before.iter().any(|candle| candle.candle.open_time == opens));
    let late = letter(&row(0, 105.0).1, at("2024-03-06T11:00:00Z"));
    keep(&app, std::slice::from_ref(&late)).await;
    assert_eq!(counts(&replay(&app, &late).await), [0, 1, 0, 0]);
    assert_eq!(state(&app, &late).await, LetterState::Replayed);
    assert_eq!(landed(&app, BTC).await, before);

    app.clock.advance(TimeDelta::minutes(5));
    let newer = letter(&row(0, 106.0).1, app.now());
    let older = letter(&row(0, 107.0).1, app.now() - TimeDelta::minutes(1));
    keep(&app, &[newer.clone(), older.clone()]).await;
    let body = json!({ "ids": [older.id, newer.id] });
    assert_eq!(counts(&app.post(REPLAY, &body).await.ok()), [1, 1, 0, 0]);
    let after = landed(&app, BTC).await;
    assert_eq!(after.len(), before.len());
    let candle = after.iter().find(|candle| candle.candle.open_time == opens).unwrap();
    assert_eq!((candle.candle.close, candle.revision), (106.0, 1), "a revision like any other");
}

#[tokio::test]
async fn what_is_refused_by_the_rules_of_today_stays_open_and_says_why() {
    let app = TestApp::start().await;
    let received_at = at("2024-03-06T11:00:00Z");
    let (_, good) = row(0, 105.0);
    let cases = [
        (good.replace("110", "80"), "high_not_below_low: high 80 is below low 90"),
        (good.replace("110", "\"?\""), "readable: not [time, low, high, open, close, volume]"),
        (good.replace("00,90", "07,90"), "on_grid: open time"),
        ("[4709719200,90,110,100,105,1]".to_owned(), "not_in_future: open time"),
        ("[-99,90,110,100,105,1]".to_owned(), "on_grid: open time"),
        ("[60,90,110,100,105,1]".to_owned(), "its candle opens before 2024-03-06 04:00:00 UTC"),
        (row(59, 105.0).1, "its candle had not settled"),
        (format!("{good},{good}"), "2 rows are read from what was kept as one"),
        ("<html>".to_owned(), "it cannot be read"),
        (String::new(), "0 rows are read"),
    ];
    for (raw, why) in cases {
        let one = letter(&raw, received_at);
        keep(&app, std::slice::from_ref(&one)).await;
        let answer = replay(&app, &one).await;
        assert_eq!(counts(&answer), [0, 0, 1, 0], "{raw}: {answer}");
        let reason = answer["reasons"][0]["reason"].as_str().unwrap();
        assert!(reason.starts_with(why), "{raw}: {reason}");
        let shown = app.get(&format!("/v1/dead-letters/{}", one.id)).await.ok();
        assert_eq!((&shown["state"], &shown["tried_detail"]), (&json!("open"), &json!(reason)));
        assert_eq!(shown["detail"], "the row was not understood", "as it was first refused");
    }
    assert_eq!(landed(&app, BTC).await, []);
}

#[tokio::test]
async fn a_whole_answer_that_is_understood_by_now_lands_and_its_bad_rows_are_letters() {
    let app = TestApp::start().await;
    let (_, first) = row(0, 105.0);
    let bad = row(1, 105.0).1.replace("110", "80");
    let body = format!("[{},{bad},{first}]", row(3, 104.0).1);
    let from = ("coinbase", at("2024-03-06T11:00:00Z"));
    let subject = BTC.parse().unwrap();
    let whole = DeadLetter::whole_answer(subject, "no list".to_owned(), body.into(), from);
    keep(&app, std::slice::from_ref(&whole)).await;
    assert_eq!(counts(&replay(&app, &whole).await), [1, 0, 0, 0]);
    assert_eq!(landed(&app, BTC).await.len(), 2);
    let open = app.get("/v1/dead-letters").await.ok();
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");
    assert_eq!(open["items"][0]["expectation"], "high_not_below_low");
    assert_eq!(counts(&replay(&app, &whole).await), [0, 0, 0, 0]);
    // What the answer lacked is owed as before.
    app.settle().await;
    assert!(landed(&app, BTC).await.len() > 400);
}

/// Which of the rows is right nobody knows but whoever asks the exchange.
#[tokio::test]
async fn of_rows_that_contradict_each_other_none_lands_until_the_others_are_discarded() {
    let app = TestApp::start().await;
    let received_at = at("2024-03-06T11:00:00Z");
    let rivals = [105.0, 106.0].map(|close| {
        let (opens, raw) = row(0, close);
        let from = ("GET /products/BTC-USD/candles?granularity=60", received_at);
        let subject = BTC.parse().unwrap();
        let detail = "one answer gives the candle 2 times".to_owned();
        DeadLetter::new(subject, Some(opens), "no_conflict", detail, raw.into(), from)
    });
    keep(&app, &rivals).await;
    let ids = rivals.each_ref().map(|one| &one.id);
    assert_eq!(counts(&replay(&app, &rivals[0]).await), [0, 0, 1, 0]);
    assert_eq!(counts(&app.post(REPLAY, &json!({ "ids": ids })).await.ok()), [0, 0, 2, 0]);
    let body = json!({ "ids": [rivals[0].id], "reason": "the exchange says so" });
    assert_eq!(app.post(DISCARD, &body).await.ok()["discarded"], 1);
    assert_eq!(counts(&replay(&app, &rivals[1]).await), [1, 0, 0, 0]);
    assert_eq!(landed(&app, BTC).await[0].candle.close, 106.0);
}

#[tokio::test]
async fn what_came_otherwise_than_from_a_provider_says_what_to_do_instead() {
    let app = TestApp::start().await;
    app.import("bad.csv", "time,open,high,low,close\n2024-03-06T10:00:00Z,1,2,3,1\n", BTC).await;
    let received_at = at("2024-03-06T11:00:00Z");
    let of = |subject: &str, source: &str| {
        let raw = row(0, 105.0).1.into();
        let from = (source, received_at);
        DeadLetter::new(subject.parse().unwrap(), None, "readable", "x".to_owned(), raw, from)
    };
    keep(
        &app,
        &[
            of("alpha_vantage/news/BTCUSD", "GET /query?function=NEWS_SENTIMENT"),
            of("coinbase/BTCUSD/4h", "derived from coinbase/BTCUSD/1h"),
            of("oanda/EURUSD/1m", "GET /v3/instruments/EUR_USD/candles"),
            of("coinbase/ETHUSD/1m", "GET /products/ETH-USD/candles"),
        ],
    )
    .await;
    let answer = app.post(REPLAY, &json!({ "filter": {}, "expected_count": 5 })).await.ok();
    assert_eq!(counts(&answer), [0, 0, 0, 5], "{answer}");
    let told: Vec<_> = answer["reasons"].as_array().unwrap().iter().collect();
    for why in [
        "it came from the file \"bad.csv\"; import the file again",
        "what a feed says is not judged again",
        "it was made of finer candles",
        "oanda is not asked here",
        "coinbase/ETHUSD/1m is not kept now",
    ] {
        let is_told = |one: &&serde_json::Value| one["reason"].as_str().unwrap().starts_with(why);
        assert!(told.iter().any(is_told), "{why}: {answer}");
    }
    assert_eq!(landed(&app, BTC).await, []);
}
