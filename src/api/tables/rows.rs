//! `POST /v1/tables/{name}/rows`: rows for a table of the users' own.

use std::{slice, sync::Arc};

use axum::{
    Json,
    extract::{MatchedPath, State},
    http::HeaderMap,
};
use chrono::{DateTime, Utc};
use deltalake::arrow::datatypes::Field;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        caller::Caller,
        extract::Params,
        idempotency,
        openapi::{NotFound, Octets, Refused, Unavailable},
    },
    Name, Named,
    commands::see_through,
    upload::Upload,
};
use crate::{
    app::App,
    crash,
    formats::incoming::{self, Fault, Further, Incoming},
    lake::{CommitRecord, LakeError, NewColumns, Rest, Scope, Table, TableName, Written},
    quality::DeadLetter,
    store::AuditEntry,
};

/// What becomes of the rows that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Mode {
    Append,
    Merge,
    Overwrite,
    OverwritePartitions,
}

impl Mode {
    const ALL: [Self; 4] = [Self::Append, Self::Merge, Self::Overwrite, Self::OverwritePartitions];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Merge => "merge",
            Self::Overwrite => "overwrite",
            Self::OverwritePartitions => "overwrite_partitions",
        }
    }
}

/// What has become of rows.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct RowsWritten {
    /// Which table has them.
    table: String,
    /// Its newest version; the same as before if nothing was to change.
    #[schema(minimum = 0)]
    version: u64,
    /// The same rows have been written before with this key: nothing was done now.
    is_repeated: bool,
    /// Rows that are new.
    #[schema(minimum = 0)]
    inserted: u64,
    /// Rows that took the place of others of their key.
    #[schema(minimum = 0)]
    updated: u64,
    /// Rows that were there already, with the same values.
    #[schema(minimum = 0)]
    unchanged: u64,
    /// Rows that are gone.
    #[schema(minimum = 0)]
    removed: u64,
    /// Data files that gave way to others; the disk has them still, for those who read older versions.
    #[schema(minimum = 0)]
    files_replaced: u64,
    /// What the table had not before.
    columns_added: Vec<String>,
    /// Rows that were set aside, see `GET /v1/dead-letters`.
    #[schema(minimum = 0)]
    dead_letters: usize,
}

const PATH: &str = "/v1/tables/{name}/rows";

/// Whether it is the route whose bodies may be long.
pub(in crate::api) fn is_route(path: &MatchedPath) -> bool {
    path.as_str() == PATH
}

/// Rows set aside at once; more are a fault of the whole.
const MOST_LETTERS: usize = 10_000;

/// Write rows to a table of your own
///
/// In one commit, or not at all. Values have to be of their column's type and where no null may be there
/// has to be one; otherwise the whole is refused, unless the table sets such rows aside
/// (`on_new_columns` is `dead_letter`). In CSV what is empty is null. With an `Idempotency-Key` the same
/// request may be sent again, also after a crash: it is done once.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "writeRows",
    tag = "operations",
    params(
        ("name" = String, Path, description = "Of the table.", example = "user.prices"),
        ("mode" = inline(Mode), Query, description =
            "`append`: rows come beside what is there; only without a key. `merge`: they take the place \
             of rows of the same key. `overwrite`: of all rows. `overwrite_partitions`: of those in the \
             same partitions."),
        ("idempotency-key" = Option<String>, Header,
            description = "1 to 200 printable characters, new for every intent.", min_length = 1,
            max_length = 200, pattern = "^[!-~]+$", example = "fair-values-2024-05-01"),
    ),
    request_body(
        description = "Rows: objects, lines below a line of names, or a table of Arrow or Parquet.",
        content(
            (Vec<serde_json::Map<String, serde_json::Value>> = "application/json", example = json!([{
                "month": "2024-05", "asset_pair": "BTCUSD",
                "timestamp": "2024-05-01T00:00:00Z", "fair_value": 60_012.5,
            }])),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
            (inline(Octets) = "application/vnd.apache.arrow.stream"),
            (inline(Octets) = "application/vnd.apache.parquet"),
        )
    ),
    responses(
        (status = 200, description = "They are in the table.", body = RowsWritten,
            example = json!({
                "table": "user.prices",
                "version": 17,
                "is_repeated": false,
                "inserted": 1,
                "updated": 0,
                "unchanged": 0,
                "removed": 0,
                "files_replaced": 0,
                "columns_added": [],
                "dead_letters": 0,
            })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn write(
    State(app): State<Arc<App>>,
    name: Name,
    Caller(by): Caller,
    headers: HeaderMap,
    mut params: Params,
    upload: Upload,
) -> Result<Json<RowsWritten>, Problem> {
    let mode = params.one_of("mode", &Mode::ALL, Mode::as_str)?;
    params.finish("mode")?;
    let mode = mode.ok_or_else(|| {
        Problem::invalid("mode", "mode is missing", "add mode=append, or mode=merge by the key")
    })?;
    let key = idempotency::key(&headers)?;
    let name = name.own()?;
    let Named(table) = Named::find(&app, name.as_str()).await?;
    let (format, bytes) = (upload.format.as_str(), upload.body.len());
    let detail = json!({
        "mode": mode.as_str(), "format": format, "bytes": bytes, "idempotency_key": key,
    });
    let at = app.clock.now();
    app.store.note(&AuditEntry::new(at, &by, "table.write", &name.as_str(), detail)).await?;
    // Two callers may think of the same key.
    let key = key.map(|key| format!("{}/{key}", by.actor));
    let record = CommitRecord::of_content(key, hash(mode, &upload));
    let writing = Writing { app: app.clone(), table, name, mode, at };
    let written = see_through(&app, async move { writing.take(&upload, &record).await }).await??;
    Ok(Json(written))
}

/// What was asked, so that a key is not taken for something else; above zero.
fn hash(mode: Mode, upload: &Upload) -> i64 {
    let mut hash = Sha256::new();
    for part in [mode.as_str().as_bytes(), upload.format.as_str().as_bytes(), &upload.body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digits = u64::from_be_bytes(hash.finalize()[..8].try_into().unwrap_or_default());
    i64::try_from(digits >> 1).unwrap_or_default().max(1)
}

struct Writing {
    app: Arc<App>,
    table: Arc<Table>,
    name: TableName,
    mode: Mode,
    at: DateTime<Utc>,
}

impl Writing {
    /// First what is set aside, then the rows: whoever dies in between sets the same aside again, which
    /// keeps one letter.
    async fn take(&self, upload: &Upload, record: &CommitRecord) -> Result<RowsWritten, Problem> {
        let policy = self.table.new_columns();
        self.table.look().await?;
        let schema = self.table.schema()?;
        let further = match policy {
            NewColumns::DeadLetter => Further::Fault,
            NewColumns::Evolve | NewColumns::Freeze => Further::Read,
        };
        let read = incoming::read(upload.format, &upload.body, &schema, further);
        let incoming = read.map_err(|error| Problem::invalid("body", error.to_string(), MEND))?;
        self.check(policy, &incoming)?;
        self.set_aside(&incoming.faults).await?;
        crash::point("rows_set_aside");
        let mut columns_added = Vec::new();
        if policy == NewColumns::Evolve && !incoming.further.is_empty() {
            self.table.widen(&incoming.further).await?;
            columns_added = incoming.further.iter().map(|field| field.name().clone()).collect();
        }
        crash::point("columns_added");
        let written = self.put(&incoming, record).await?;
        crash::point("rows_written");
        let Written { version, inserted, updated, unchanged, removed, .. } = written;
        Ok(RowsWritten {
            table: self.name.to_string(),
            version,
            is_repeated: written.is_repeated,
            inserted,
            updated,
            unchanged,
            removed,
            files_replaced: written.files_replaced,
            columns_added,
            dead_letters: incoming.faults.len(),
        })
    }

    /// Whether the rows may be written, or those without a fault.
    fn check(&self, policy: NewColumns, incoming: &Incoming) -> Result<(), Problem> {
        let names: Vec<&str> =
            incoming.further.iter().map(Field::name).map(String::as_str).collect();
        if policy == NewColumns::Freeze && !names.is_empty() {
            let detail = format!("{} has no column {}", self.name, names.join(", "));
            return Err(Problem::invalid("body", detail, "leave out what the table does not have"));
        }
        let (faults, good) = (&incoming.faults, incoming.rows.num_rows());
        let replaces = matches!(self.mode, Mode::Overwrite | Mode::OverwritePartitions);
        let is_set_aside = policy == NewColumns::DeadLetter
            && faults.len() <= MOST_LETTERS
            && !(replaces && good == 0);
        if faults.is_empty() || is_set_aside {
            return Ok(());
        }
        let all = faults.len() + good;
        let detail =
            format!("{} of {all} rows do not fit: {}", faults.len(), incoming::told(faults));
        let field = faults[0].column.as_deref().unwrap_or("body");
        Err(Problem::invalid(field, detail, MEND))
    }

    async fn set_aside(&self, faults: &[Fault]) -> Result<(), Problem> {
        let source = format!("POST /v1/tables/{}/rows", self.name);
        let letter = |fault: &Fault| {
            let (subject, detail) = ((&self.name).into(), fault.to_string());
            let from = (&*source, self.at);
            DeadLetter::new(subject, None, "fits_the_table", detail, fault.raw.clone(), from)
        };
        let letters: Vec<DeadLetter> = faults.iter().map(letter).collect();
        Ok(self.app.store.keep(&letters).await?)
    }

    async fn put(&self, incoming: &Incoming, record: &CommitRecord) -> Result<Written, LakeError> {
        let (table, rows) = (&self.table, slice::from_ref(&incoming.rows));
        match self.mode {
            Mode::Append => table.append(rows, record).await,
            Mode::Merge => table.merge(rows, Rest::Stays, record).await,
            Mode::Overwrite => table.overwrite(rows, Scope::Table, record).await,
            Mode::OverwritePartitions => table.overwrite(rows, Scope::Partitions, record).await,
        }
    }
}

const MEND: &str = "mend the rows; GET /v1/tables/{name} tells what each column takes";
