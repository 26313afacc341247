//! Looks after a backfill until it has ended. Whoever stops looking does not stop it.

use std::{pin::pin, process::ExitCode, time::Duration};

use serde_json::Value;

use super::{
    backfills::{self, FAILED_CHUNKS},
    output::{Look, Progress, details, say},
    refusal::INTERRUPTED,
    remote::{Talk, items_of},
};
use crate::client::{Answer, ClientError};

/// Questions in a row that may go unanswered; a daemon may be restarted meanwhile.
const UNANSWERED: u32 = 60;
/// Failed chunks that are told at the end.
const MOST_FAILED: &str = "1000";

/// Asks every `every` until the backfill has ended, and tells how.
pub(super) async fn watch(talk: &Talk, id: &str, every: Duration) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::on_stderr();
    let mut stop = pin!(super::interrupted());
    let mut last = None;
    let mut unanswered = 0;
    let path = ["v1", "backfills", id];
    loop {
        tokio::select! {
            () = &mut stop => return let_go(talk, id, last.as_ref(), &progress),
            answer = talk.client.get(&path, &[]) => match answer {
                Ok(answer) if has_ended(&answer.value) => {
                    progress.show(&answer.value);
                    progress.end();
                    return finish(talk, id, &answer).await;
                }
                Ok(answer) => {
                    progress.show(&answer.value);
                    unanswered = 0;
                    last = Some(answer);
                }
                Err(error) if error.is_passing() && unanswered < UNANSWERED => {
                    unanswered += 1;
                    progress.note("no answer for the moment; asking on");
                }
                Err(error) => return Err(given_up(id, error, &progress)),
            },
        }
        tokio::select! {
            () = &mut stop => return let_go(talk, id, last.as_ref(), &progress),
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn has_ended(backfill: &Value) -> bool {
    let state = backfill["state"].as_str().unwrap_or_default();
    matches!(state, "completed" | "completed_with_errors" | "failed" | "cancelled")
}

fn given_up(id: &str, error: ClientError, progress: &Progress) -> anyhow::Error {
    progress.end();
    eprintln!("{}", how_to_go_on(id));
    error.into()
}

fn let_go(
    talk: &Talk,
    id: &str,
    last: Option<&Answer>,
    progress: &Progress,
) -> anyhow::Result<ExitCode> {
    progress.end();
    if let Some(last) = last.filter(|_| talk.is_json) {
        say(&last.text)?;
    }
    eprintln!("\n{}", how_to_go_on(id));
    Ok(INTERRUPTED.into())
}

fn how_to_go_on(id: &str) -> String {
    format!(
        "no longer watched; the backfill goes on\n  watch it:  barkeep backfills watch {id}\n  \
         pause it:  barkeep backfills pause {id}\n  cancel it: barkeep backfills cancel {id}"
    )
}

/// The closing summary; fails if not everything is there.
async fn finish(talk: &Talk, id: &str, ended: &Answer) -> anyhow::Result<ExitCode> {
    let is_complete = ended.value["state"] == "completed";
    let code = if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if talk.is_json {
        say(&ended.text)?;
        return Ok(code);
    }
    say(&details(backfills::SUMMARY, &ended.value, Look::of_stdout()))?;
    if ended.value.pointer("/progress/chunks_failed").and_then(Value::as_i64) > Some(0) {
        let only = [("state", "failed".to_owned()), ("limit", MOST_FAILED.to_owned())];
        let failed = talk.client.get(&["v1", "backfills", id, "chunks"], &only).await?;
        say(&format!("\n{}", items_of(&failed.value, "items", &FAILED_CHUNKS)))?;
        say(&format!("\ntry them again: barkeep backfills retry {id}"))?;
    }
    Ok(code)
}
