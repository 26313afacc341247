//! Questions, answers, and what is set aside.

use super::*;

fn answer(indicator: Indicator, body: &str) -> Result<RawItems<Observation>, ProviderError> {
    let provenance = Provenance {
        extracted_at: "2026-05-17T12:00:00Z".parse().unwrap(),
        made_at: "2026-05-17T12:00:00Z".parse().unwrap(),
        source: "test".into(),
        is_mock: true,
        is_derived: false,
    };
    read(indicator, provenance, &Bytes::from(body.to_owned()))
}

fn data(points: &str) -> String {
    format!(
        r#"{{"name": "Consumer Price Index", "interval": "monthly", "unit": "index 1982-1984=100",
        "note": "unknown", "data": [{points}]}}"#
    )
}

#[test]
fn every_question_says_its_interval() {
    for (indicator, expected) in [
        (Indicator::Cpi, "function=CPI&interval=monthly&datatype=json"),
        (Indicator::RealGdp, "function=REAL_GDP&interval=quarterly&datatype=json"),
        (Indicator::Inflation, "function=INFLATION&interval=annual&datatype=json"),
        (
            Indicator::TreasuryYield10Y,
            "function=TREASURY_YIELD&interval=monthly&maturity=10year&datatype=json",
        ),
    ] {
        let question = question(indicator);
        let told: Vec<_> = question.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(told.join("&"), expected);
    }
}

#[test]
fn a_point_means_no_value_and_values_may_be_texts_or_numbers() {
    let points = r#"{"date": "2026-04-01", "value": "."}, {"date": "2026-03-01", "value": "320.5"},
        {"date": "2026-02-01", "value": 319.25, "footnote": "p"}"#;
    let read = answer(Indicator::Cpi, &data(points)).unwrap();
    let told: Vec<_> =
        read.items.iter().map(|(one, _)| (one.period.to_string(), one.value)).collect();
    assert_eq!(
        told,
        [
            ("2026-03-01 00:00:00 UTC".to_owned(), 320.5),
            ("2026-02-01 00:00:00 UTC".to_owned(), 319.25)
        ]
    );
    assert_eq!(read.items[0].0.unit, "index 1982-1984=100");
    assert!(read.unreadable.is_empty());
}

#[test]
fn t21_one_bad_period_costs_one_period_and_keeps_its_bytes() {
    for bad in [
        r#"{"date": "2026-13-01", "value": "1"}"#,
        r#"{"date": "2026-03-01", "value": "n/a"}"#,
        r#"{"date": "2026-03-01"}"#,
        "[]",
    ] {
        let body = data(&format!(r#"{bad}, {{"date": "2026-02-01", "value": "1"}}"#));
        let read = answer(Indicator::Cpi, &body).unwrap();
        assert_eq!((read.items.len(), read.unreadable.len()), (1, 1), "{bad}");
        assert_eq!(read.unreadable[0].0, bad);
    }
}

#[test]
fn t01_t16_another_interval_or_no_data_is_no_answer() {
    let points = r#"{"date": "2026-04-01", "value": "1"}"#;
    let monthly = data(points);
    let told = answer(Indicator::RealGdp, &monthly).unwrap_err();
    assert!(told.to_string().contains("interval \"monthly\" is not quarterly"), "{told}");
    let quota = r#"{"Information": "our standard API rate limit is 25 requests per day"}"#;
    let key = r#"{"Error Message": "the parameter apikey is invalid or missing."}"#;
    for (body, outcome) in [
        (quota, "exhausted"),
        (key, "unauthorized"),
        ("<html>", "malformed"),
        ("{}", "unknown_symbol"),
    ] {
        assert_eq!(answer(Indicator::Cpi, body).unwrap_err().outcome(), outcome, "{body}");
    }
}
