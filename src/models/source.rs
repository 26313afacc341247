//! What a model reads: tables of the lake, all candles as one table, and what the settings say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deltalake::{
    arrow::{
        array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
        compute::concat_batches,
        datatypes::{Schema, SchemaRef},
        error::ArrowError,
    },
    datafusion::{
        catalog::TableProvider,
        datasource::MemTable,
        error::DataFusionError,
        prelude::{SessionContext, lit},
    },
};
use sha2::{Digest, Sha256};

use super::ModelError;
use crate::{
    config::{IngestConfig, TradingConfig},
    ingest::Books,
    lake::{CandleTable, Lake, LakeError, Past, Table},
    market::{InstrumentId, Timeframe},
};

/// Every table of candles as one, with a column `timeframe`.
pub(super) const CANDLES: &str = "bronze.candles";
/// Whose candle is taken first: `asset_pair`, `source_provider`, `place`.
const PREFERENCE: &str = "system.preference";
/// What the account began with and may risk, in one row: `[trading]` of the settings.
const LIMITS: &str = "system.limits";

/// Which version of each table has been read, by name.
pub type Versions = BTreeMap<String, u64>;

/// One name in a model's query.
pub(super) struct Source<'a> {
    pub(super) name: String,
    world: World<'a>,
    origin: Origin,
}

enum Origin {
    /// Tables with the same columns but for the value of one.
    Tables(Vec<(Arc<Table>, Option<Timeframe>)>),
    /// What the settings say, made into rows when they are read.
    Said(Said),
}

#[derive(Clone, Copy)]
enum Said {
    Preference,
    Limits,
}

/// What is known outside of the lake.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) lake: &'a Lake,
    pub(super) books: &'a Books,
    pub(super) ingest: &'a IngestConfig,
    pub(super) trading: &'a TradingConfig,
}

impl<'a> Source<'a> {
    /// `None` if there is no such table yet.
    pub(super) async fn find(name: &str, world: World<'a>) -> Result<Option<Self>, ModelError> {
        let origin = match name {
            CANDLES => {
                let tables = world.lake.tables();
                let one = |all: &Arc<CandleTable>| (all.as_table().clone(), Some(all.timeframe()));
                Origin::Tables(tables.map(one).collect())
            }
            PREFERENCE => Origin::Said(Said::Preference),
            LIMITS => Origin::Said(Said::Limits),
            name => {
                let Ok(name) = name.parse() else { return Ok(None) };
                let Some(table) = world.lake.find(&name).await? else { return Ok(None) };
                Origin::Tables(vec![(table, None)])
            }
        };
        Ok(Some(Self { name: name.to_owned(), world, origin }))
    }

    /// Whether there is such a name in every lake.
    pub(super) fn is_always_there(name: &str, lake: &Lake) -> bool {
        matches!(name, CANDLES | PREFERENCE | LIMITS) || lake.named(name).is_some()
    }

    /// Which versions there are now.
    pub(super) fn versions(&self) -> Versions {
        match &self.origin {
            Origin::Tables(tables) => {
                tables.iter().map(|(table, _)| (table.name().to_owned(), table.version())).collect()
            }
            Origin::Said(said) => [(self.name.clone(), said.version(self.world))].into(),
        }
    }

    /// The columns of every row that has come since those versions; `None` if that is not known.
    pub(super) async fn changes(
        &self,
        since: &Versions,
        columns: &[&str],
    ) -> Result<Option<(Versions, Vec<RecordBatch>)>, ModelError> {
        let tables = match &self.origin {
            Origin::Tables(tables) => tables,
            Origin::Said(_) => {
                let now = self.versions();
                let is_same = since.get(&self.name) == now.get(&self.name);
                return Ok(is_same.then(|| (now, Vec::new())));
            }
        };
        let (mut versions, mut rows) = (Versions::new(), Vec::new());
        for (table, timeframe) in tables {
            let Some(version) = since.get(table.name()) else { return Ok(None) };
            let own: Vec<&str> = match timeframe {
                Some(_) => columns.iter().copied().filter(|name| *name != "timeframe").collect(),
                None => columns.to_vec(),
            };
            let changes = match table.changes(*version, &own).await {
                Ok(changes) => changes,
                Err(LakeError::LogExpired { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            versions.insert(table.name().to_owned(), changes.version);
            for batch in changes.rows {
                let batch = with_timeframe(&batch, *timeframe, columns);
                rows.push(batch.map_err(|source| self.arrow(source))?);
            }
        }
        Ok(Some((versions, rows)))
    }

    fn arrow(&self, source: ArrowError) -> ModelError {
        ModelError::Arrow { model: self.name.clone(), source }
    }

    /// Its rows as of the newest versions.
    pub(super) async fn rows(
        &self,
        context: &SessionContext,
    ) -> Result<Arc<dyn TableProvider>, ModelError> {
        let failed = |because: DataFusionError| ModelError::Query {
            model: self.name.clone(),
            because: Box::new(because),
        };
        let tables = match &self.origin {
            Origin::Tables(tables) => tables,
            Origin::Said(said) => {
                let rows = said.rows(self.world).map_err(|source| self.arrow(source))?;
                let table = MemTable::try_new(rows.schema(), vec![vec![rows]]);
                return Ok(Arc::new(table.map_err(failed)?));
            }
        };
        let mut all = None;
        for (table, timeframe) in tables {
            let rows = table.rows(Past::default()).await?;
            let Some(timeframe) = timeframe else { return Ok(rows) };
            let rows = context.read_table(rows).map_err(failed)?;
            let rows = rows.with_column("timeframe", lit(timeframe.as_str())).map_err(failed)?;
            all = Some(match all {
                None => rows,
                Some(others) => rows.union(others).map_err(failed)?,
            });
        }
        let none = || failed(DataFusionError::Plan("there are no tables".to_owned()));
        Ok(all.ok_or_else(none)?.into_view())
    }
}

fn with_timeframe(
    rows: &RecordBatch,
    timeframe: Option<Timeframe>,
    columns: &[&str],
) -> Result<RecordBatch, ArrowError> {
    let column = |name: &&str| -> Result<(String, ArrayRef), ArrowError> {
        let said = timeframe.filter(|_| *name == "timeframe");
        let column: ArrayRef = if let Some(timeframe) = said {
            Arc::new(StringArray::from(vec![timeframe.as_str(); rows.num_rows()]))
        } else {
            let lacking = || ArrowError::SchemaError((*name).to_owned());
            rows.column_by_name(name).cloned().ok_or_else(lacking)?
        };
        Ok(((*name).to_owned(), column))
    };
    RecordBatch::try_from_iter(columns.iter().map(column).collect::<Result<Vec<_>, _>>()?)
}

impl Said {
    fn rows(self, world: World<'_>) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::Preference => preference(world),
            Self::Limits => limits(world.trading),
        }
    }

    /// Other settings make it another version. Another asset does not, its rows are new anyway.
    fn version(self, world: World<'_>) -> u64 {
        let said = match self {
            Self::Preference => {
                format!("{:?}{:?}", world.ingest.providers, world.ingest.providers_of)
            }
            Self::Limits => format!("{:?}", world.trading),
        };
        let digest = Sha256::digest(said);
        let (head, _) = digest.split_at(4);
        head.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Of every asset whose candles are known.
fn preference(world: World<'_>) -> Result<RecordBatch, ArrowError> {
    let assets: BTreeSet<InstrumentId> =
        world.books.all().iter().map(|book| book.series().instrument.clone()).collect();
    let (mut names, mut providers, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for asset in &assets {
        let order = world.ingest.providers_of.get(asset).unwrap_or(&world.ingest.providers);
        for (place, provider) in order.iter().enumerate() {
            names.push(asset.as_str());
            providers.push(provider.as_str());
            places.push(i64::try_from(place).unwrap_or(i64::MAX));
        }
    }
    let columns: [(&str, ArrayRef); 3] = [
        ("asset_pair", Arc::new(StringArray::from(names))),
        ("source_provider", Arc::new(StringArray::from(providers))),
        ("place", Arc::new(Int64Array::from(places))),
    ];
    RecordBatch::try_from_iter(columns)
}

fn limits(trading: &TradingConfig) -> Result<RecordBatch, ArrowError> {
    let TradingConfig { starting_equity, max_drawdown, max_var, max_position } = trading;
    let one = |value: &f64| -> ArrayRef { Arc::new(Float64Array::from(vec![*value])) };
    RecordBatch::try_from_iter([
        ("starting_equity", one(starting_equity)),
        ("max_drawdown", one(max_drawdown)),
        ("max_var", one(max_var)),
        ("max_position", one(max_position)),
    ])
}

/// All of the batches as one; with the columns of `schema` if there are none.
pub(super) fn together(
    batches: &[RecordBatch],
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let schema = batches.first().map_or_else(|| schema.clone(), RecordBatch::schema);
    let schema = Arc::new(Schema::clone(&schema));
    concat_batches(&schema, batches)
}
