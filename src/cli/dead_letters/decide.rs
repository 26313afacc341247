//! What is to become of letters: a preview, a question, and then as many as were shown.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    super::{
        confirm::confirm,
        output::{Column, Look, count, details, grouped, table, text},
        remote::Talk,
    },
    Chosen, How,
};

const OUTCOME: &[Column] = &[
    count("matched", "/matched"),
    count("would land", "/would_land"),
    count("landed", "/landed"),
    count("unchanged", "/unchanged"),
    count("still refused", "/still_refused"),
    count("not replayable", "/not_replayable"),
    count("discarded", "/discarded"),
    count("not looked at", "/remaining"),
];

/// Why letters stay open.
const REASONS: [Column; 4] = [
    text("outcome", "/outcome"),
    count("letters", "/letters"),
    text("such as", "/sample"),
    text("reason", "/reason"),
];

/// A preview first; then as many letters as it found, or none.
pub(super) async fn decide(
    talk: &Talk,
    action: &str,
    chosen: &Chosen,
    reason: Option<&str>,
    how: &How,
) -> anyhow::Result<ExitCode> {
    let path = ["v1", "dead-letters", action];
    let mut body = json!({ "dry_run": true });
    if chosen.ids.is_empty() {
        let filter = chosen.filter.query().into_iter();
        body["filter"] =
            filter.map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    } else {
        body["ids"] = json!(chosen.ids);
    }
    if let Some(reason) = reason {
        body["reason"] = json!(reason);
    }
    let preview = talk.client.post(&path, &body).await?;
    let matched = preview.value["matched"].as_i64().unwrap_or_default();
    if how.dry_run || matched == 0 {
        return talk.tell(&preview, outcome);
    }
    if !talk.is_json {
        eprintln!("{}", outcome(&preview.value));
    }
    if !confirm(&format!("Have {} letters {action}ed?", grouped(matched)), how.yes)? {
        return Ok(ExitCode::FAILURE);
    }
    body["dry_run"] = json!(false);
    if chosen.ids.is_empty() {
        body["expected_count"] = json!(matched);
    }
    let done = talk.client.post(&path, &body).await?;
    let code = talk.tell(&done, outcome)?;
    let any = |name: &str| done.value[name].as_i64().is_some_and(|count| count > 0);
    if any("remaining") {
        eprintln!("one command does not do all of them: say it again for the rest");
    }
    let is_all = !any("still_refused") && !any("remaining");
    Ok(if is_all { code } else { ExitCode::FAILURE })
}

/// What the answer has of it.
fn outcome(value: &Value) -> String {
    let has = |column: &&Column| column.is_in(value);
    let columns: Vec<Column> = OUTCOME.iter().filter(has).copied().collect();
    let tally = details(&columns, value, Look::of_stdout());
    match value["reasons"].as_array() {
        Some(reasons) if !reasons.is_empty() => {
            format!("{tally}\n\n{}", table(&REASONS, reasons, Look::of_stdout()))
        }
        _ => tally,
    }
}
