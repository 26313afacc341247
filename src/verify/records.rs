//! Whether every revision of every record is there once.

use super::{
    VerifyError,
    report::{Example, Found, Invariant},
};
use crate::{app::App, market::RecordKind};

pub(super) const RECORDED_ONCE: Invariant = Invariant {
    name: "records_are_there_once",
    says: "no revision of a decision or an execution has two rows",
};

pub(super) async fn verify_records(
    app: &App,
    kind: RecordKind,
    found: &mut Found,
) -> Result<(), VerifyError> {
    let (rows, doubled) = app.lake.records(kind).doubled().await?;
    found.rows += rows;
    for one in doubled {
        let detail = format!("{} has {} rows of revision {}", one.id, one.rows, one.revision);
        let (series, start) = (kind.into(), one.at);
        found.violation(RECORDED_ONCE.name, Example { series, start, detail });
    }
    Ok(())
}
