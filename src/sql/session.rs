//! The engine as users of SQL meet it: what they can name, what they may do, what it may cost.

use std::{io, sync::Arc};

use deltalake::{
    datafusion::{
        catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider},
        error::DataFusionError,
        execution::{
            SendableRecordBatchStream,
            context::SQLOptions,
            disk_manager::DiskManagerBuilder,
            memory_pool::FairSpillPool,
            runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
        },
        prelude::{SessionConfig, SessionContext},
    },
    delta_datafusion::DeltaSessionConfig,
};

use super::{
    SqlError,
    catalog::{Moment, Tables},
    parse,
};
use crate::{config::SqlConfig, functions, lake::Layer};

/// What all queries share: memory and disk.
pub(super) struct Session {
    pub(super) environment: Arc<RuntimeEnv>,
    config: SessionConfig,
}

const CATALOG: &str = "barkeep";
const SYSTEM: &str = "system";
const PARTITIONS_PER_THREAD: usize = 2;

/// They make much of little before anybody counts it: `repeat('x', 2000000000)`.
const UNBOUNDED: [&str; 9] = [
    "repeat",
    "lpad",
    "rpad",
    "replace",
    "regexp_replace",
    "range",
    "generate_series",
    "array_repeat",
    "array_resize",
];

impl Session {
    pub(super) fn new(config: &SqlConfig) -> io::Result<Self> {
        let disk = DiskManagerBuilder::default().with_max_temp_directory_size(config.spill_bytes);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.memory_bytes)))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(io::Error::other)?;
        let session: SessionConfig = DeltaSessionConfig::default().into();
        let session = session
            // Names without quotes are of any case, as everywhere; all of ours are lower case.
            .set_bool("datafusion.sql_parser.enable_ident_normalization", true)
            .set_str("datafusion.execution.time_zone", "UTC")
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, Layer::Bronze.as_str())
            .with_target_partitions(config.threads);
        Ok(Self { environment, config: session })
    }

    /// Without any table, to build others at. Series are dealt out to its partitions, some longer than
    /// others: of more partitions than threads nobody waits long for the last one.
    pub(super) fn workbench(&self) -> SessionContext {
        let partitions = self.config.target_partitions() * PARTITIONS_PER_THREAD;
        self.without_tables(self.config.clone().with_target_partitions(partitions))
    }

    fn without_tables(&self, config: SessionConfig) -> SessionContext {
        let context = SessionContext::new_with_config_rt(config, self.environment.clone());
        functions::register(&context);
        context
    }

    pub(super) fn context(
        &self,
        moment: &Arc<Moment>,
        system: Option<Arc<dyn SchemaProvider>>,
    ) -> Result<SessionContext, SqlError> {
        let context = self.without_tables(self.config.clone());
        let catalog = MemoryCatalogProvider::new();
        for layer in Layer::ALL {
            let tables = Tables { moment: moment.clone(), layer };
            catalog.register_schema(layer.as_str(), Arc::new(tables))?;
        }
        if let Some(system) = system {
            catalog.register_schema(SYSTEM, system)?;
        }
        context.register_catalog(CATALOG, Arc::new(catalog));
        for name in UNBOUNDED {
            context.deregister_udf(name);
        }
        Ok(context)
    }
}

/// What the query selects; nothing else is done, whatever it says.
pub(super) async fn rows(
    context: &SessionContext,
    query: &str,
    is_now: bool,
) -> Result<SendableRecordBatchStream, SqlError> {
    let statement = parse::statement(query)?;
    let state = context.state();
    let plan = state.statement_to_plan(statement).await;
    let plan = plan.map_err(|error| of_plan(error, is_now))?;
    let nothing = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false);
    let nothing = nothing.with_allow_statements(false);
    nothing.verify_plan(&plan).map_err(|refused| SqlError::ReadOnly(kind(&refused)))?;
    let frame = context.execute_logical_plan(plan).await?;
    Ok(frame.execute_stream().await?)
}

fn of_plan(error: DataFusionError, is_now: bool) -> SqlError {
    let names_system = || error.to_string().contains(&format!("{CATALOG}.{SYSTEM}."));
    if !is_now && names_system() { SqlError::SystemOfThePast } else { error.into() }
}

/// The statement that was refused, as the engine names it: after the last colon.
fn kind(refused: &DataFusionError) -> String {
    let said = refused.strip_backtrace();
    said.rsplit(": ").next().unwrap_or_default().to_owned()
}
