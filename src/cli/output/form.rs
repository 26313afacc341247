//! Values as people read them. What does not have the expected form is shown as it is.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::column::Form;

/// Where there is nothing to show.
const NOTHING: &str = "–";

pub(in crate::cli) fn shown(value: Option<&Value>, form: Form) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return if form == Form::Seconds { "unknown".to_owned() } else { NOTHING.to_owned() };
    };
    let formed = match form {
        Form::Text | Form::Word => None,
        Form::Count => value.as_i64().map(grouped),
        Form::Instant => value.as_str().and_then(to_the_second),
        Form::Seconds => value.as_f64().map(duration),
        Form::Share => value.as_f64().map(per_cent),
        Form::List => list(value, as_it_is),
        Form::Names => list(value, |item| shown(item.get("name"), Form::Text)),
        Form::Series => series(value),
        Form::Shares => list(value, limit_share),
        Form::Counts => of_each(value),
    };
    formed.unwrap_or_else(|| as_it_is(value))
}

fn as_it_is(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => clean(&other.to_string()),
    }
}

/// What came from outside must not steer the terminal.
fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || ('\u{2060}'..='\u{2069}').contains(&c);
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

fn list(value: &Value, show: impl Fn(&Value) -> String) -> Option<String> {
    let items = value.as_array()?;
    let shown: Vec<String> = items.iter().map(show).collect();
    Some(if shown.is_empty() { NOTHING.to_owned() } else { shown.join(", ") })
}

fn of_each(value: &Value) -> Option<String> {
    let kinds = value.as_object()?.iter();
    let some = kinds.filter_map(|(kind, count)| Some((kind, count.as_i64().filter(|n| *n > 0)?)));
    let words: Vec<String> =
        some.map(|(kind, n)| format!("{} {}", grouped(n), clean(kind))).collect();
    Some(if words.is_empty() { NOTHING.to_owned() } else { words.join(", ") })
}

/// One commit may carry hundreds.
fn series(value: &Value) -> Option<String> {
    const SHOWN: usize = 3;
    let items = value.as_array()?;
    let first = items.iter().take(SHOWN).map(|item| shown(item.get("series"), Form::Text));
    let mut words: Vec<String> = first.collect();
    words.extend(items.len().checked_sub(SHOWN + 1).map(|more| format!("{} more", more + 1)));
    Some(if words.is_empty() { NOTHING.to_owned() } else { words.join(", ") })
}

/// So much of a quota; or so many times what a rate lets through.
fn limit_share(item: &Value) -> String {
    let limit = shown(item.get("limit"), Form::Text);
    match item.get("share").and_then(Value::as_f64) {
        Some(share) if share > 1.0 => format!("{share:.1} × {limit}"),
        Some(share) => format!("{} of {limit}", per_cent(share)),
        None => limit,
    }
}

fn to_the_second(text: &str) -> Option<String> {
    let at = text.parse::<DateTime<Utc>>().ok()?;
    Some(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Never 100 before everything is done, nor 0 once something is.
fn per_cent(share: f64) -> String {
    let tenths = (share * 1_000.0).floor() / 10.0;
    match tenths {
        0.0 if share > 0.0 => "< 0.1 %".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole:.0} %"),
        tenths => format!("{tenths:.1} %"),
    }
}

/// The two largest units, like `2h 5m`.
fn duration(seconds: f64) -> String {
    if !(0.0..1e12).contains(&seconds) {
        return format!("{seconds:.0}s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "in range, see above")]
    let seconds = seconds.ceil() as i64;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let two = parts[first..].iter().take(2).filter(|(count, _)| *count > 0 || seconds == 0);
    let words: Vec<String> = two.map(|(count, unit)| format!("{count}{unit}")).collect();
    words.join(" ")
}

/// 1234567 as `1,234,567`.
pub(in crate::cli) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_grouped_and_durations_have_two_units() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
        for (seconds, expected) in [
            (0.0, "0s"),
            (0.2, "1s"),
            (59.0, "59s"),
            (60.0, "1m"),
            (7_500.0, "2h 5m"),
            (90_061.0, "1d 1h"),
            (86_460.0, "1d"),
            (-1.0, "-1s"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn a_share_is_not_whole_before_it_is() {
        for (share, expected) in [
            (0.0, "0 %"),
            (0.0001, "< 0.1 %"),
            (0.125, "12.5 %"),
            (0.9999, "99.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(per_cent(share), expected);
        }
    }

    #[test]
    fn what_is_absent_or_of_another_form_is_shown_nonetheless() {
        assert_eq!(shown(None, Form::Count), "–");
        assert_eq!(shown(Some(&Value::Null), Form::Seconds), "unknown");
        assert_eq!(shown(Some(&json!("soon")), Form::Instant), "soon");
        assert_eq!(shown(Some(&json!("many")), Form::Count), "many");
        assert_eq!(shown(Some(&json!(["a", 1, true])), Form::List), "a, 1, yes");
        assert_eq!(shown(Some(&json!({ "a": 1 })), Form::Text), r#"{"a":1}"#);
        assert_eq!(
            shown(Some(&json!("2024-03-06T12:00:00.250Z")), Form::Instant),
            "2024-03-06T12:00:00Z"
        );
    }

    #[test]
    fn what_came_from_outside_does_not_steer_the_terminal() {
        assert_eq!(shown(Some(&json!("a\u{1b}[2Jb\nc\u{9b}d")), Form::Text), "a [2Jb c d");
    }

    #[test]
    fn of_many_series_the_first_are_named_and_the_others_counted() {
        let all = ["a", "b", "c", "d", "e"].map(|name| json!({ "series": name }));
        for (count, expected) in [(0, "–"), (1, "a"), (3, "a, b, c"), (5, "a, b, c, 2 more")] {
            assert_eq!(shown(Some(&json!(all[..count])), Form::Series), expected);
        }
    }

    #[test]
    fn a_quota_is_told_as_a_share_and_a_rate_as_a_multiple() {
        let shares = json!([
            { "limit": "500/d", "share": 0.12 },
            { "limit": "10/s", "share": 6.0 },
        ]);
        assert_eq!(shown(Some(&shares), Form::Shares), "12 % of 500/d, 6.0 × 10/s");
    }
}
