//! SQL over the lake, and over what the daemon knows of itself: read-only, within limits, as of any
//! moment.
//!
//! Queries run on threads of their own, so that whoever asks for freshness or lands candles does not
//! wait for them. An answer is written down before any of it is sent: it is whole, or an error.

mod answer;
mod catalog;
mod error;
mod parse;
mod session;

use std::{collections::BTreeMap, fmt, io, sync::Arc};

use chrono::{DateTime, Utc};
use deltalake::datafusion::{
    catalog::SchemaProvider, execution::runtime_env::RuntimeEnv, prelude::SessionContext,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
};
use tokio_util::task::AbortOnDropHandle;

use self::{answer::Most, catalog::Moment, session::Session};
pub use self::{
    answer::{Answer, Body},
    error::SqlError,
    parse::{LONGEST_QUERY, MOST_TOKENS},
};
use crate::{config::SqlConfig, formats::Format, lake::Lake};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    pub query: String,
    pub format: Format,
    /// Without what was received later.
    pub known_at: Option<DateTime<Utc>>,
    /// Tables as of earlier commits, by their names: `raw_market_data_1m` or `bronze.…`.
    pub versions: BTreeMap<String, u64>,
}

/// Answers questions in SQL.
pub struct Sql {
    /// Taken away at the end.
    runtime: Option<Runtime>,
    session: Arc<Session>,
    turns: Arc<Semaphore>,
    config: SqlConfig,
}

/// Plans of long queries are deep, and are walked by functions that call themselves. Only what is
/// used of it takes memory.
const STACK_BYTES: usize = 256 << 20;

impl Sql {
    pub fn start(config: &SqlConfig) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.threads)
            .thread_name("sql")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            session: Arc::new(Session::new(config)?),
            turns: Arc::new(Semaphore::new(config.queries)),
            config: config.clone(),
        })
    }

    /// Works at something large on the threads of queries, with their memory and disk; `None` if it
    /// panics or the daemon ends.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let runtime = self.runtime.as_ref()?;
        AbortOnDropHandle::new(runtime.spawn(work)).await.ok()
    }

    /// A session with the same functions, memory and disk, but without any table.
    pub fn workbench(&self) -> SessionContext {
        self.session.workbench()
    }

    /// What queries have together.
    pub fn environment(&self) -> &Arc<RuntimeEnv> {
        &self.session.environment
    }

    /// The whole answer. `system` has the tables about the daemon itself; they say what is now, so
    /// they are not there when the past is asked for.
    pub async fn answer(
        &self,
        lake: &Lake,
        system: Arc<dyn SchemaProvider>,
        question: Question,
    ) -> Result<Answer, SqlError> {
        let Some(runtime) = &self.runtime else { return Err(SqlError::Stopped) };
        let patience = self.config.timeout;
        let (turns, session, lake) = (self.turns.clone(), self.session.clone(), lake.clone());
        let most = Most { rows: self.config.max_rows, bytes: self.config.spill_bytes };
        let work = async move {
            // Waiting for others counts: who asks wants an answer in time, whatever keeps it.
            let _turn = turns.acquire().await.map_err(|_| SqlError::Stopped)?;
            let is_now = question.known_at.is_none() && question.versions.is_empty();
            let moment = Moment::of(lake, &question).await?;
            let context = session.context(&moment, is_now.then_some(system))?;
            let rows = session::rows(&context, &question.query, is_now).await?;
            answer::written(rows, question.format, most).await
        };
        let work = AbortOnDropHandle::new(runtime.spawn(work));
        match tokio::time::timeout(patience, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(stopped)) if stopped.is_panic() => Err(SqlError::Panicked),
            Ok(Err(_)) => Err(SqlError::Stopped),
            Err(_) => Err(SqlError::TooSlow(patience)),
        }
    }
}

/// What waits for an answer has been told by then; a runtime cannot be waited for from within one.
impl Drop for Sql {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("config", &self.config).finish_non_exhaustive()
    }
}
