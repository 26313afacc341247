//! `/v1/models`: the tables that are made of others, and of what.

pub(super) mod builds;
pub(super) mod commands;
pub(super) mod lineage;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use serde::Serialize;
use utoipa::ToSchema;

use self::builds::BuildView;
use super::{
    Problem,
    extract::{Params, name_in_path, quoted},
    openapi::{NotFound, Refused, Unavailable},
    series::List,
};
use crate::{
    app::App,
    lake::Table,
    models::{Increment, Model, ModelError, Reach, Test},
    store::KeptBuild,
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(super) struct ModelView {
    /// The table it builds.
    name: String,
    /// What a row of it is.
    about: String,
    /// Tables that it reads; what changes there is built anew.
    from: Vec<String>,
    /// Tables that it reads as a whole; if one changes everything is built anew.
    with: Vec<String>,
    /// By which its rows are known.
    key: Vec<String>,
    /// How much is built when something has changed: `whole`, or the columns of a series.
    increment: String,
    /// How far in its series a row sees back; null where everything is built.
    #[schema(required)]
    reach: Option<String>,
    /// At least so long from one build to the next.
    every: String,
    /// What must be so of its rows.
    tests: Vec<TestView>,
    /// The last build, whatever came of it; null before the first.
    #[schema(required)]
    last_build: Option<BuildView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelTest)]
struct TestView {
    /// Told apart by it.
    name: String,
    /// `refuse`: nothing is published while it fails. `warn`: it is said.
    severity: &'static str,
    /// A condition on every row, or a query that gives no row.
    check: String,
}

/// One model, with its query and its columns.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelDetails {
    #[serde(flatten)]
    model: ModelView,
    /// The columns of its table; none before the first build.
    columns: Vec<ColumnView>,
    /// In the dialect of `POST /v1/sql`.
    query: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TableColumn)]
struct ColumnView {
    /// As SQL calls it.
    name: String,
    /// As Arrow calls it.
    #[serde(rename = "type")]
    kind: String,
    /// Rows may be without it.
    nullable: bool,
}

/// The model named in a path.
pub(super) struct Named(String);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let name = name_in_path(parts, app, "name", FIX).await?;
        match app.models.named(&name) {
            Ok(_) => Ok(Self(name)),
            Err(_) => Err(Problem::not_found(&format!("model {}", quoted(&name)), FIX)),
        }
    }
}

impl Named {
    fn model<'a>(&self, app: &'a App) -> Result<&'a Model, ModelError> {
        app.models.named(&self.0)
    }
}

const FIX: &str = "GET /v1/models lists the models";

/// The models
///
/// Tables of silver and gold, in the order in which they are built: of what each is made, and how its
/// last build went.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "listModels",
    tag = "models",
    responses(
        (status = 200, description = "Models.", body = List<ModelView>, example = json!({
            "items": [{
                "name": "silver.market_regime",
                "about": "What a market does: trending_up, trending_down, volatile or ranging.",
                "from": ["silver.market_data_enriched"],
                "with": [],
                "key": ["asset_pair", "timeframe", "timestamp"],
                "increment": "asset_pair, timeframe",
                "reach": "0 rows",
                "every": "0s",
                "tests": [{
                    "name": "known",
                    "severity": "refuse",
                    "check": "regime in ('trending_up', 'trending_down', 'volatile', 'ranging')",
                }],
                "last_build": null,
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<ModelView>>, Problem> {
    params.finish("")?;
    let last = last_builds(&app).await?;
    let view =
        |model: &Model| view(model, last.get(model.name.as_str()).cloned().map(builds::view));
    Ok(Json(List { items: app.models.all().iter().map(view).collect() }))
}

/// One model
///
/// With its query, and the columns of its table.
#[utoipa::path(
    get,
    path = "/v1/models/{name}",
    operation_id = "showModel",
    tag = "models",
    params(("name" = String, Path, description = "Its table.", example = "silver.market_regime")),
    responses(
        (status = 200, description = "The model.", body = ModelDetails, example = json!({
            "name": "silver.market_regime",
            "about": "What a market does: trending_up, trending_down, volatile or ranging.",
            "from": ["silver.market_data_enriched"],
            "with": [],
            "key": ["asset_pair", "timeframe", "timestamp"],
            "increment": "asset_pair, timeframe",
            "reach": "0 rows",
            "every": "0s",
            "tests": [],
            "last_build": null,
            "columns": [{ "name": "asset_pair", "type": "Utf8", "nullable": false }],
            "query": "select asset_pair, … from silver.market_data_enriched",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    named: Named,
    params: Params,
) -> Result<Json<ModelDetails>, Problem> {
    params.finish("")?;
    let model = named.model(&app)?;
    let last = app.store.builds(Some(model.name.as_str()), None, 1).await?.pop();
    let table = app.lake.named(model.name.as_str());
    let columns = table.map(|table| columns(&table)).transpose()?.unwrap_or_default();
    let query = model.query.clone();
    Ok(Json(ModelDetails { model: view(model, last.map(builds::view)), columns, query }))
}

/// The newest build of each model.
pub(super) async fn last_builds(app: &App) -> Result<BTreeMap<String, KeptBuild>, Problem> {
    let mut last = BTreeMap::new();
    for model in app.models.all() {
        let name = model.name.as_str();
        if let Some(build) = app.store.builds(Some(name), None, 1).await?.pop() {
            last.insert(name.to_owned(), build);
        }
    }
    Ok(last)
}

fn columns(table: &Table) -> Result<Vec<ColumnView>, Problem> {
    let schema = table.schema()?;
    let column = |field: &Arc<deltalake::arrow::datatypes::Field>| ColumnView {
        name: field.name().clone(),
        kind: field.data_type().to_string(),
        nullable: field.is_nullable(),
    };
    Ok(schema.fields().iter().map(column).collect())
}

fn view(model: &Model, last_build: Option<BuildView>) -> ModelView {
    let (increment, reach) = match &model.increment {
        Increment::Whole => ("whole".to_owned(), None),
        Increment::Series { columns, reach, .. } => {
            let reach = match reach {
                Reach::Rows(rows) => format!("{rows} rows"),
                Reach::Time(span) => told(*span),
            };
            (columns.join(", "), Some(reach))
        }
    };
    let test = |test: &Test| TestView {
        name: test.name.clone(),
        severity: test.severity.as_str(),
        check: test.check.clone(),
    };
    ModelView {
        name: model.name.to_string(),
        about: model.about.clone(),
        from: model.from.clone(),
        with: model.with.clone(),
        key: model.key.clone(),
        increment,
        reach,
        every: told(model.every),
        tests: model.tests.iter().map(test).collect(),
        last_build,
    }
}

fn told(span: chrono::TimeDelta) -> String {
    humantime::format_duration(span.to_std().unwrap_or_default()).to_string()
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Lake(error) => error.into(),
            ModelError::Store(error) => error.into(),
            ModelError::UnderWay => {
                Self::conflict("under_way", error.to_string()).fix("try again when that has ended")
            }
            // The rows, or the model, have to change first.
            ModelError::Test { .. } | ModelError::Query { .. } | ModelError::NoColumn { .. } => {
                Self::conflict("not_built", error.to_string())
                    .fix("nothing was published; see to the rows it names, or to the model's text")
            }
            error => Self::failure(error.class(), &error),
        }
    }
}
