//! A plan, before anybody says yes to it.

use std::fmt::Write;

use serde_json::Value;

use super::{
    Column, Look, column::Form, count, grouped, instant, seconds, shares, shown, table, text,
};

const UNITS: [Column; 7] = [
    text("series", "/series"),
    instant("start", "/start"),
    instant("end (excluded)", "/end"),
    count("chunks", "/chunks"),
    count("candles", "/candles_wanted"),
    count("there already", "/candles_final_skipped"),
    count("requests", "/requests"),
];

const PROVIDERS: [Column; 4] = [
    text("provider", "/provider"),
    count("requests", "/requests"),
    shares("share of quota", "/shares"),
    seconds("takes", "/eta_seconds"),
];

const CONFLICTS: [Column; 4] = [
    text("in work by", "/backfill_id"),
    text("series", "/series"),
    instant("start", "/start"),
    instant("end (excluded)", "/end"),
];

/// By series, by provider, in all; and what stands in its way.
pub(in crate::cli) fn plan(plan: &Value, look: Look) -> String {
    let mut text = String::new();
    for (name, columns) in
        [("units", &UNITS[..]), ("providers", &PROVIDERS[..]), ("conflicts", &CONFLICTS[..])]
    {
        let items = plan[name].as_array().map(Vec::as_slice).unwrap_or_default();
        if !items.is_empty() {
            let _ = writeln!(text, "{}\n", table(columns, items, look));
        }
    }
    let number = |name: &str| grouped(plan[name].as_i64().unwrap_or_default());
    let takes = shown(plan.get("eta_seconds"), Form::Seconds);
    let _ = write!(
        text,
        "{} chunks, {} requests; {} candles expected, {} there already; takes {takes}",
        number("chunks"),
        number("requests"),
        number("candles_expected"),
        number("candles_skipped"),
    );
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_tells_what_it_costs_and_what_is_in_its_way() {
        let answer = json!({
            "plan_id": "pl_1", "start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z",
            "units": [{
                "series": "coinbase/BTCUSD/1h", "start": "2024-01-01T00:00:00Z",
                "end": "2024-02-01T00:00:00Z", "chunks": 1, "candles_wanted": 720,
                "candles_final_skipped": 24, "requests": 3,
            }],
            "providers": [{
                "provider": "coinbase", "requests": 3,
                "shares": [{ "limit": "10/s", "share": 0.3 }], "eta_seconds": null,
            }],
            "conflicts": [{
                "backfill_id": "bf_1", "series": "coinbase/BTCUSD/1h",
                "start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z",
            }],
            "chunks": 1, "requests": 3, "candles_expected": 720, "candles_skipped": 24,
            "eta_seconds": null,
        });
        let text = plan(&answer, Look::PLAIN);
        let parts: Vec<&str> = text.split("\n\n").collect();
        let [units, providers, conflicts, sum] = parts[..] else { panic!("{text}") };
        assert!(units.contains("720             24         3"), "{units}");
        assert!(providers.contains("30 % of 10/s    unknown"), "{providers}");
        assert!(conflicts.starts_with("IN WORK BY") && conflicts.contains("bf_1"), "{conflicts}");
        let expected =
            "1 chunks, 3 requests; 720 candles expected, 24 there already; takes unknown";
        assert_eq!(sum, expected);
    }
}
