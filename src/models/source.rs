//! What a model reads: tables of the lake, all candles as one table, and what the settings say.

use std::{collections::BTreeMap, sync::Arc};

use super::{ModelError, coverage::Coverage, said::Said};
use crate::{
    config::Config,
    ingest::Books,
    lake::{CandleTable, Lake, LakeError, Past, Table},
    market::Timeframe,
};
use chrono::{DateTime, Utc};
use deltalake::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray},
        error::ArrowError,
    },
    datafusion::{
        catalog::TableProvider,
        datasource::MemTable,
        error::DataFusionError,
        prelude::{SessionContext, lit},
    },
};

/// Every table of candles as one, with a column `timeframe`.
pub(super) const CANDLES: &str = "bronze.candles";
/// What became of the candles of each series and day; see [`Coverage`].
const COVERAGE: &str = "system.coverage";

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
    Coverage,
}

/// What is known outside of the lake.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) lake: &'a Lake,
    pub(super) books: &'a Books,
    pub(super) config: &'a Config,
    pub(super) coverage: &'a Coverage,
    pub(super) now: DateTime<Utc>,
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
            COVERAGE => Origin::Coverage,
            name => {
                if let Some(said) = Said::named(name) {
                    Origin::Said(said)
                } else {
                    let Ok(name) = name.parse() else { return Ok(None) };
                    let Some(table) = world.lake.find(&name).await? else { return Ok(None) };
                    Origin::Tables(vec![(table, None)])
                }
            }
        };
        Ok(Some(Self { name: name.to_owned(), world, origin }))
    }

    /// Whether there is such a name in every lake.
    pub(super) fn is_always_there(name: &str, lake: &Lake) -> bool {
        matches!(name, CANDLES | COVERAGE)
            || Said::named(name).is_some()
            || lake.named(name).is_some()
    }

    /// Which versions there are now.
    pub(super) fn versions(&self) -> Versions {
        match &self.origin {
            Origin::Tables(tables) => {
                tables.iter().map(|(table, _)| (table.name().to_owned(), table.version())).collect()
            }
            Origin::Said(said) => [(self.name.clone(), said.version(self.world))].into(),
            Origin::Coverage => {
                [(self.name.clone(), self.world.coverage.version(self.world.books))].into()
            }
        }
    }

    /// Everything is about to be read, by whoever has seen these versions.
    pub(super) fn read_all(&self, versions: &Versions) {
        if let (Origin::Coverage, Some(version)) = (&self.origin, versions.get(&self.name)) {
            self.world.coverage.tell_all(*version, self.world.books, self.world.now);
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
            Origin::Coverage => {
                let Some(since) = since.get(&self.name) else { return Ok(None) };
                let World { books, now, coverage, .. } = self.world;
                let changed = coverage.changes(*since, books, now);
                let changed = changed.transpose().map_err(|source| self.arrow(source))?;
                return Ok(changed
                    .map(|(version, rows)| ([(self.name.clone(), version)].into(), vec![rows])));
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
        let in_memory = |rows: Result<RecordBatch, ArrowError>| -> Result<_, ModelError> {
            let rows = rows.map_err(|source| self.arrow(source))?;
            let table = MemTable::try_new(rows.schema(), vec![vec![rows]]);
            Ok(Arc::new(table.map_err(failed)?) as Arc<dyn TableProvider>)
        };
        let tables = match &self.origin {
            Origin::Tables(tables) => tables,
            Origin::Said(said) => return in_memory(said.rows(self.world)),
            Origin::Coverage => return in_memory(self.world.coverage.rows()),
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
