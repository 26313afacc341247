//! Why a series is not fresh, in words, first cause first.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Freshness, Verdict};
use crate::{
    ingest::{Role, Trouble},
    market::{Fact, Series},
    store::Paused,
};

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cause {
    /// A stable word; what a provider does has the word that metrics and troubles have for it.
    pub code: &'static str,
    pub text: String,
    pub since: Option<DateTime<Utc>>,
    /// When it ends by itself, or is looked at again.
    pub until: Option<DateTime<Utc>>,
    /// Where to read on.
    pub see: Option<String>,
}

/// Everything that bears upon one series at one instant.
#[derive(Debug)]
pub struct Situation {
    pub freshness: Freshness,
    pub role: Role,
    /// The schedule of its polls and who holds it up.
    pub held_up: Option<(&'static str, Paused)>,
    /// The setting for lack of which its provider is passed over.
    pub lacks: Option<&'static str>,
    /// Of the questions about its own candles.
    pub trouble: Option<Trouble>,
    /// While its provider is not asked because it fails.
    pub circuit_open_until: Option<DateTime<Utc>>,
    /// While its provider's account may not send anything.
    pub paused_until: Option<DateTime<Utc>>,
    /// The oldest candle of the newest stretch that is not there, and what is known of it.
    pub lacking: Option<(DateTime<Utc>, Option<Fact>)>,
    /// Why that one was refused: id of the letter and its words.
    pub letter: Option<(String, String)>,
    pub opens_at: Option<DateTime<Utc>>,
    /// The series it is made of, and why that one is not fresh.
    pub children: Option<(Series, Vec<Cause>)>,
    /// Who answers for the asset instead.
    pub served_by: Option<Series>,
}

/// The causes of the verdict; none if the series is fresh.
pub fn explain(situation: Situation) -> Vec<Cause> {
    match situation.freshness.verdict {
        Verdict::Fresh => Vec::new(),
        Verdict::Closed => vec![closed(&situation)],
        Verdict::Stale | Verdict::Unknown => chain(situation),
    }
}

fn closed(situation: &Situation) -> Cause {
    let until = situation.opens_at;
    let text = until.map_or_else(
        || "the market is closed".to_owned(),
        |at| format!("the market is closed until {}", text(at)),
    );
    Cause { code: "market_closed", text, since: None, until, see: None }
}

fn chain(situation: Situation) -> Vec<Cause> {
    let mut causes = Vec::new();
    causes.extend(unasked(&situation));
    causes.extend(situation.held_up.as_ref().map(|(schedule, paused)| held_up(schedule, paused)));
    if let Some((child, of_child)) = situation.children {
        causes.extend(of_child);
        causes.push(Cause {
            code: "children_behind",
            text: format!("its candles are made of those of {child}, which are not complete"),
            since: None,
            until: None,
            see: Some(format!("/v1/series/{child}/explain")),
        });
    } else {
        let provider = situation.freshness.series.provider.as_str();
        if let Some(trouble) = &situation.trouble {
            causes.extend(troubles(provider, trouble));
        }
        let codes: Vec<_> = causes.iter().map(|cause| cause.code).collect();
        if let Some(until) = situation.circuit_open_until
            && !codes.contains(&"circuit_open")
        {
            causes.push(not_asked(provider, until));
        }
        if let Some(until) = situation.paused_until
            && !codes.contains(&"exhausted")
        {
            causes.push(paused(provider, until));
        }
        if let Some((letter, words)) = situation.letter {
            causes.push(Cause {
                code: "refused",
                text: format!("the next candle came and was refused: {words}"),
                since: situation.lacking.map(|(at, _)| at),
                until: None,
                see: Some(format!("/v1/dead-letters/{letter}")),
            });
        }
        if causes.is_empty() {
            causes.extend(situation.lacking.map(|(at, fact)| nothing_came(provider, at, fact)));
        }
    }
    causes.extend(situation.served_by.map(|other| Cause {
        code: "served_by_another",
        text: format!("{other} answers for the asset meanwhile"),
        since: None,
        until: None,
        see: Some(format!("/v1/candles?series={other}")),
    }));
    causes
}

/// Nobody asks for as long as somebody wants it so.
fn held_up(schedule: &str, paused: &Paused) -> Cause {
    let Paused { by, since, reason } = paused;
    let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    Cause {
        code: "schedule_paused",
        text: format!("{by} has paused the schedule {schedule}{why}"),
        since: Some(*since),
        until: None,
        see: Some("/v1/schedules".to_owned()),
    }
}

/// Nobody asks.
fn unasked(situation: &Situation) -> Option<Cause> {
    let provider = situation.freshness.series.provider.as_str();
    let cause = |code, text, see: &str| {
        Some(Cause { code, text, since: None, until: None, see: Some(see.to_owned()) })
    };
    match (situation.lacks, situation.role) {
        (Some(setting), _) => {
            let text =
                format!("{provider} is passed over: providers.{provider}.{setting} is not set");
            cause("no_credentials", text, "/v1/providers")
        }
        (None, Role::Imported) => {
            cause("not_kept", "nobody asks for the series".to_owned(), "/v1/series")
        }
        (None, Role::Disabled) => {
            cause("disabled", "an operator has disabled the asset".to_owned(), "/v1/assets")
        }
        (None, Role::StandIn) => {
            let text = "it is asked for only while those before it give nothing".to_owned();
            cause("stands_in", text, "/v1/series")
        }
        (None, Role::Kept) => None,
    }
}

/// What the provider did first, and then that it is not asked for that.
fn troubles(provider: &str, trouble: &Trouble) -> Vec<Cause> {
    let Trouble { outcome, message, since, attempts, retry_at, behind } = trouble;
    let see = Some("/v1/providers".to_owned());
    let mut causes = Vec::new();
    if let Some((code, message)) = behind {
        let text = format!("{provider}: {message}");
        causes.push(Cause { code, text, since: Some(*since), until: None, see: see.clone() });
    }
    let text = format!(
        "{provider}: {message}; {attempts} in vain since {}, next try by {}",
        text(*since),
        text(*retry_at)
    );
    causes.push(Cause { code: outcome, text, since: Some(*since), until: Some(*retry_at), see });
    causes
}

fn not_asked(provider: &str, until: DateTime<Utc>) -> Cause {
    let text = format!("{provider} has failed repeatedly and is not asked before {}", text(until));
    let see = Some("/v1/providers".to_owned());
    Cause { code: "circuit_open", text, since: None, until: Some(until), see }
}

fn paused(provider: &str, until: DateTime<Utc>) -> Cause {
    let text = format!("nothing may be sent to {provider} before {}", text(until));
    let see = Some("/v1/providers".to_owned());
    Cause { code: "exhausted", text, since: None, until: Some(until), see }
}

/// The provider answers, and still the candle is not there.
fn nothing_came(provider: &str, at: DateTime<Utc>, fact: Option<Fact>) -> Cause {
    let (code, text, asked_at) = match fact {
        None => ("never_asked", format!("the candle of {} was not asked for yet", text(at)), None),
        Some(Fact::Doubted { .. }) => {
            ("rewound", format!("everything from {} on is asked for again", text(at)), None)
        }
        Some(Fact::Quarantined { asked_at, .. }) => {
            ("refused", format!("the candle of {} was refused", text(at)), Some(asked_at))
        }
        Some(Fact::Absent { asked_at, .. }) => {
            let text = format!("{provider} answers, but with no candle from {} on", text(at));
            ("nothing_new", text, Some(asked_at))
        }
        Some(_) => ("nothing_new", format!("no candle follows that of {}", text(at)), None),
    };
    let since = asked_at.and_then(DateTime::from_timestamp_micros).or(Some(at));
    Cause { code, text, since, until: None, see: Some("/v1/gaps".to_owned()) }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Nothing is known but that the candle of 00:01 is not there.
    fn situation(verdict: Verdict) -> Situation {
        let freshness = Freshness {
            series: "oanda/EURUSD/1m".parse().unwrap(),
            verdict,
            last_candle: Some(at(0)),
            expected_candle: Some(at(600)),
            lag_candles: 10,
            age: None,
            overdue: TimeDelta::seconds(600),
            stale_after: TimeDelta::seconds(300),
            watermark: at(60),
            market_open: true,
        };
        Situation {
            freshness,
            held_up: None,
            role: Role::Kept,
            lacks: None,
            trouble: None,
            circuit_open_until: None,
            paused_until: None,
            lacking: Some((at(60), None)),
            letter: None,
            opens_at: None,
            children: None,
            served_by: None,
        }
    }

    fn codes(situation: Situation) -> Vec<&'static str> {
        explain(situation).iter().map(|cause| cause.code).collect()
    }

    #[test]
    fn a_series_that_is_not_fresh_always_has_a_cause() {
        let facts = [
            (None, "never_asked"),
            (Some(Fact::Absent { asks: 1, asked_at: 0 }), "nothing_new"),
            (Some(Fact::Doubted { asks: 0, asked_at: 0 }), "rewound"),
            (Some(Fact::Quarantined { asks: 1, asked_at: 0 }), "refused"),
        ];
        for (fact, code) in facts {
            let lacking = Some((at(60), fact));
            assert_eq!(codes(Situation { lacking, ..situation(Verdict::Stale) }), [code]);
        }
        assert!(codes(situation(Verdict::Fresh)).is_empty());
        assert_eq!(codes(situation(Verdict::Closed)), ["market_closed"]);
    }

    #[test]
    fn a_candle_that_was_refused_says_why_and_where() {
        let letter = Some(("dl_1".to_owned(), "on_grid, not at a minute".to_owned()));
        let causes = explain(Situation { letter, ..situation(Verdict::Stale) });
        assert_eq!(
            (causes[0].code, causes[0].see.as_deref()),
            ("refused", Some("/v1/dead-letters/dl_1"))
        );
        assert!(causes[0].text.contains("on_grid"), "{}", causes[0].text);
    }

    #[test]
    fn whoever_lacks_a_key_is_told_of_that_before_anything_else() {
        let served_by = Some("coinbase/EURUSD/1m".parse().unwrap());
        let told = Situation {
            lacks: Some("token"),
            role: Role::Imported,
            served_by,
            ..situation(Verdict::Unknown)
        };
        assert_eq!(codes(told), ["no_credentials", "served_by_another"]);
    }

    #[test]
    fn a_quota_that_is_used_up_is_a_cause_without_any_trouble() {
        let told = Situation { paused_until: Some(at(900)), ..situation(Verdict::Stale) };
        assert_eq!(codes(told), ["exhausted"]);
    }
}
