//! Faults are read by name, refused by name, and decided reproducibly.

use rand::SeedableRng;

use super::*;

#[test]
fn pairs_set_what_they_name() {
    let pairs = ["empty=0.2", " slow = 1", "slow_millis=250", "oanda : lag=0.1", "note=0.5"];
    let plan = FaultPlan::from_pairs(pairs).unwrap();
    let faults = Faults { empty: 0.2, slow: 1.0, slow_millis: 250, ..Faults::default() };
    assert_eq!(plan.of(Coinbase), faults);
    assert_eq!(plan.of(Oanda), Faults { lag: 0.1, ..faults });
    assert_eq!(plan.of(AlphaVantage), Faults { note: 0.5, ..faults });
    assert_eq!(FaultPlan::from_pairs([]).unwrap(), FaultPlan::default());
}

#[test]
fn what_cannot_be_taken_is_named() {
    for (pair, expected) in [
        ("empty", "name=number"),
        ("emty=0.2", "empty, lag, drop_row"),
        ("kraken:empty=0.2", "use coinbase, oanda or alpha_vantage"),
        ("coinbase:note=1", "fault note has no meaning for coinbase: use one of slow"),
        ("alpha_vantage:throttle=1", "fault throttle has no meaning for alpha_vantage"),
        ("emty=0.2", "\"emty\""),
        ("empty=1.5", "empty cannot be 1.5"),
        ("torn=NaN", "torn cannot be \"NaN\""),
        ("slow_millis=-1", "slow_millis cannot be -1"),
    ] {
        let error = FaultPlan::from_pairs([pair]).unwrap_err().to_string();
        assert!(error.contains(expected), "{pair}: {error}");
    }
    let error = Faults::from_json(Oanda, br#"{"torn":"often"}"#).unwrap_err().to_string();
    assert!(error.contains("torn"), "{error}");
    assert!(Faults::from_json(Oanda, b"[1]").unwrap_err().to_string().contains("JSON object"));
}

#[test]
fn json_round_trips() {
    let faults = Faults { bad_row: 0.5, slow_millis: 3, ..Faults::default() };
    assert_eq!(Faults::from_json(Oanda, &serde_json::to_vec(&faults).unwrap()).unwrap(), faults);
}

#[test]
fn decisions_are_reproducible_and_independent_of_each_other() {
    let decide = |faults: Faults| {
        let mut chance = StdRng::seed_from_u64(7);
        (0..1_000).map(|_| faults.decide(Oanda, &mut chance).hits).collect::<Vec<_>>()
    };
    let torn = Faults { torn: 0.3, ..Faults::default() };
    let hits = decide(torn);
    assert_eq!(hits, decide(torn));
    let count = hits.iter().filter(|hits| hits.contains(&Fault::Torn)).count();
    assert!((250..350).contains(&count), "{count}");
    let both = decide(Faults { empty: 1.0, ..torn });
    for (one, both) in hits.iter().zip(&both) {
        assert_eq!(one.contains(&Fault::Torn), both.contains(&Fault::Torn));
    }
}
