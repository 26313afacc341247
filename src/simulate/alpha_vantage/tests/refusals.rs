//! Every refusal, and how often there is one.

use std::time::Duration;

use super::*;
use crate::{
    config::Limit,
    simulate::{Fault, Reply, answer::Words},
};

/// The only key and its text.
async fn refusal(exchange: &Arc<SimulatedExchange>, query: &str) -> (String, String) {
    let told = json(exchange, query).await;
    let (key, text) = told.as_object().unwrap().iter().next().unwrap();
    (key.clone(), text.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn wrong_questions_are_refused_with_status_200() {
    let exchange = exchange(NOW);
    let invalid = |function: &str| {
        format!(
            "Invalid API call. Please retry or visit the documentation \
             (https://www.alphavantage.co/documentation/) for {function}."
        )
    };
    for (query, text) in [
        (
            "function=TIME_SERIES_INTRADAY&symbol=NOPE&interval=5min",
            invalid("TIME_SERIES_INTRADAY"),
        ),
        (
            "function=TIME_SERIES_INTRADAY&symbol=EURUSD&interval=5min",
            invalid("TIME_SERIES_INTRADAY"),
        ),
        ("function=TIME_SERIES_INTRADAY&symbol=IBM", invalid("TIME_SERIES_INTRADAY")),
        ("function=TIME_SERIES_INTRADAY&symbol=IBM&interval=7min", invalid("TIME_SERIES_INTRADAY")),
        (
            "function=TIME_SERIES_INTRADAY&symbol=IBM&interval=5min&month=1999-12",
            invalid("TIME_SERIES_INTRADAY"),
        ),
        ("function=FX_DAILY&from_symbol=EUR&to_symbol=BTC", invalid("FX_DAILY")),
        ("function=FX_DAILY&from_symbol=EURU&to_symbol=SD", invalid("FX_DAILY")),
        (
            "function=DIGITAL_CURRENCY_DAILY&symbol=EUR&market=USD",
            invalid("DIGITAL_CURRENCY_DAILY"),
        ),
        ("function=CPI&interval=hourly", invalid("CPI")),
        ("function=WEATHER", "This API function (WEATHER) does not exist.".to_owned()),
    ] {
        assert_eq!(refusal(&exchange, query).await, ("Error Message".to_owned(), text), "{query}");
    }
    let news = refusal(&exchange, "function=NEWS_SENTIMENT&time_from=yesterday").await;
    assert!(news.0 == "Information" && news.1.starts_with("Invalid inputs."), "{news:?}");
    let no_key = send(&exchange, "function=CPI").await.body;
    let bad_key = send(&exchange, "function=CPI&apikey=badger").await.body;
    assert!(no_key.contains("\"Error Message\":\"the parameter apikey is invalid or missing."));
    assert_eq!(no_key, bad_key);
}

#[tokio::test]
async fn a_free_key_gets_days_only_and_not_all_of_them() {
    let exchange = exchange_with(NOW, |config| config.alpha_vantage_plan = Plan::Free);
    for function in ["TIME_SERIES_INTRADAY&symbol=IBM", "CRYPTO_INTRADAY&symbol=BTC&market=USD"] {
        let (key, text) = refusal(&exchange, &format!("function={function}&interval=5min")).await;
        assert!(key == "Information" && text.contains("This is a premium endpoint."), "{text}");
    }
    let daily = "function=TIME_SERIES_DAILY&symbol=IBM";
    let (_, text) = refusal(&exchange, &format!("{daily}&outputsize=full")).await;
    assert!(text.contains(
        "outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY"
    ));
    assert_eq!(lines(&exchange, daily).await.len(), 100);
    let coins = "function=DIGITAL_CURRENCY_DAILY&symbol=BTC&market=USD";
    assert_eq!(lines(&exchange, coins).await.len(), 350);
}

#[tokio::test]
async fn t01_limits_are_told_apart_by_their_words() {
    for (plan, limit, key, words) in [
        (Plan::Free, "1/s", "Information", "(1 request per second). You may subscribe"),
        (Plan::Premium, "1/s", "Information", "Burst pattern detected."),
        (Plan::Free, "1/min", "Note", "5 calls per minute and 500 calls per day"),
        (Plan::Premium, "1/min", "Information", "Minute-level rate limit exceed."),
        (
            Plan::Free,
            "1/day",
            "Information",
            "We have detected your API key as demo-key and our standard API rate limit is 1 requests \
             per day.",
        ),
    ] {
        let exchange = exchange_with(NOW, |config| config.alpha_vantage_plan = plan);
        exchange.set_limits(SimulatedProvider::AlphaVantage, &[limit.parse().unwrap()]);
        let query = "function=TIME_SERIES_DAILY&symbol=IBM";
        assert_eq!(lines(&exchange, query).await.len(), 100);
        let told = refusal(&exchange, query).await;
        assert!(told.0 == key && told.1.contains(words), "{limit}: {told:?}");
        let counters = exchange.counters(SimulatedProvider::AlphaVantage);
        assert_eq!((counters.served, counters.throttled), (1, 1));
    }
}

#[tokio::test]
async fn several_limits_hold_at_once_on_the_clock_of_the_exchange() {
    let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
    let exchange = Arc::new(SimulatedExchange::new(&SimulationConfig::default(), clock.clone()));
    let limits: Vec<Limit> = ["1/s", "3/day"].map(|limit| limit.parse().unwrap()).to_vec();
    exchange.set_limits(SimulatedProvider::AlphaVantage, &limits);
    let mut said = Vec::new();
    for _ in 0..5 {
        let body = ask(&exchange, "function=CPI").await;
        said.push(["Burst", "API key as", "data"].into_iter().position(|word| body.contains(word)));
        clock.advance(Duration::from_millis(600));
    }
    assert_eq!(said, [Some(2), Some(0), Some(2), Some(0), Some(2)]);
    clock.advance(Duration::from_secs(1));
    assert!(ask(&exchange, "function=CPI").await.contains("API key as demo-key"));
}

#[tokio::test]
async fn faults_of_its_own_are_verbatim() {
    for (fault, body) in [
        (
            "note",
            "{\"Note\":\"Thank you for using Alpha Vantage! Our standard API call frequency is 5",
        ),
        (
            "information",
            "{\"Information\":\"Thank you for using Alpha Vantage! Please visit https://",
        ),
        (
            "burst",
            "{\"Information\":\"Burst pattern detected. Please consider spreading out your API",
        ),
        (
            "day_quota",
            "{\"Information\":\"We have detected your API key as demo-key and our standard",
        ),
        ("bad_key", "{\"Error Message\":\"the parameter apikey is invalid or missing."),
        (
            "premium",
            "{\"Information\":\"Thank you for using Alpha Vantage! This is a premium endpoint.",
        ),
        ("empty_object", "{}"),
    ] {
        let exchange = exchange(NOW);
        let pair = format!("{fault}=1");
        exchange.set_fault_plan(&FaultPlan::from_pairs([pair.as_str()]).unwrap());
        let told = ask(&exchange, &format!("{IBM}&interval=5min&datatype=csv")).await;
        assert!(told.starts_with(body), "{fault}: {told}");
        assert_eq!(exchange.counters(SimulatedProvider::AlphaVantage).faults[fault], 1);
    }
}

/// Where the recordings are at hand, the words are compared with them.
#[tokio::test]
async fn refusals_are_the_recorded_ones() {
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/corpus/alpha_vantage/errors_verbatim.jsonl"
    );
    let Ok(recorded) = std::fs::read_to_string(recorded) else {
        println!("skipped: the corpus is not here");
        return;
    };
    let lines = recorded.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bodies: HashMap<String, Value> = lines
        .filter_map(|line| {
            let body = serde_json::from_str(line["body"].as_str()?).ok()?;
            Some((line["id"].as_str()?.to_owned(), body))
        })
        .collect();
    let words = |plan| KeyWords { key: "XXXXXXXXXXXXXXXX", plan };
    let by_fault = |plan, fault| words(plan).instead(fault).unwrap();
    let above = |limit: &str| words(Plan::Premium).throttled(Some(limit.parse().unwrap()));
    let refused = |refusal: Refusal| Reply::from(refusal);
    let cases = [
        ("note_5pm_500pd", by_fault(Plan::Free, Fault::Note)),
        ("info_2018", by_fault(Plan::Free, Fault::Information)),
        ("info_25pd_key", by_fault(Plan::Free, Fault::DayQuota)),
        ("info_burst_free", by_fault(Plan::Free, Fault::Burst)),
        ("info_burst_premium", by_fault(Plan::Premium, Fault::Burst)),
        ("info_minute_premium", above("75/min")),
        ("info_premium_endpoint", by_fault(Plan::Free, Fault::Premium)),
        ("info_outputsize_full", refused(Refusal::PremiumSize("TIME_SERIES_DAILY".to_owned()))),
        ("err_apikey", by_fault(Plan::Free, Fault::BadKey)),
        ("err_invalid_call", refused(Refusal::InvalidCall("TIME_SERIES_INTRADAY".to_owned()))),
        ("empty_object", by_fault(Plan::Free, Fault::EmptyObject)),
    ];
    for (id, reply) in cases {
        assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap(), bodies[id], "{id}");
    }
}
