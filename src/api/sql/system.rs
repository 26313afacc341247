//! `system.series` and the like: the lists of the API as tables, read page by page while a query runs.

use std::{fmt, io, sync::Arc};

use async_trait::async_trait;
use axum::http::Uri;
use deltalake::{
    arrow::datatypes::SchemaRef,
    datafusion::{
        catalog::{SchemaProvider, TableProvider, streaming::StreamingTable},
        error::DataFusionError,
        execution::{SendableRecordBatchStream, TaskContext},
        logical_expr::TableType,
        physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
    },
};
use futures::stream;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    super::{Problem, extract::Params, failed},
    columns::{batch, schema},
    lists::{LISTS, List},
};
use crate::app::App;

/// The lists as tables.
pub(super) struct System {
    app: Arc<App>,
    /// Where the API's handlers run: connections of the store that are opened for them stay there.
    runtime: Handle,
}

impl System {
    pub(super) fn of(app: &Arc<App>) -> Self {
        Self { app: app.clone(), runtime: Handle::current() }
    }
}

#[async_trait]
impl SchemaProvider for System {
    fn table_names(&self) -> Vec<String> {
        LISTS.iter().map(|list| list.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(list) = LISTS.iter().find(|list| list.name == name) else { return Ok(None) };
        let schema = schema(list.columns);
        let (app, runtime) = (self.app.clone(), self.runtime.clone());
        let pages = Pages { app, runtime, list, schema: schema.clone() };
        Ok(Some(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(pages)])?)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        LISTS.iter().any(|list| list.name == name)
    }
}

/// One list while it is read.
#[derive(Clone)]
struct Pages {
    app: Arc<App>,
    runtime: Handle,
    list: &'static List,
    schema: SchemaRef,
}

/// Where reading goes on: which question, and after which page of its answer.
struct Place {
    question: usize,
    cursor: Option<String>,
}

impl PartitionStream for Pages {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let pages = self.clone();
        let questions = Arc::new((self.list.questions)(&self.app));
        let begin = Place { question: 0, cursor: None };
        let batches = stream::try_unfold(begin, move |place| {
            let (pages, questions) = (pages.clone(), questions.clone());
            async move {
                let Some(question) = questions.get(place.question) else {
                    return Ok(None);
                };
                let page = pages.page(question, place.cursor.as_deref()).await;
                let page = page.map_err(|problem| {
                    let said = format!("system.{}: {problem}", pages.list.name);
                    DataFusionError::IoError(io::Error::other(said))
                })?;
                let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                let batch = batch(&pages.schema, pages.list.columns, items)?;
                let next = match page["next"].as_str() {
                    Some(cursor) => Place { cursor: Some(cursor.to_owned()), ..place },
                    None => Place { question: place.question + 1, cursor: None },
                };
                Ok(Some((batch, next)))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

impl Pages {
    async fn page(&self, question: &str, cursor: Option<&str>) -> Result<Value, Problem> {
        let limit = if self.list.is_paged { "limit=1000" } else { "" };
        let cursor = cursor.map(|cursor| format!("cursor={cursor}")).unwrap_or_default();
        let said = [question, limit, &cursor].into_iter().filter(|part| !part.is_empty());
        let uri = format!("/?{}", said.collect::<Vec<_>>().join("&"));
        let uri = uri.parse::<Uri>().unwrap_or_default();
        let read = (self.list.read)(self.app.clone(), Params::of(&uri)?);
        self.runtime.spawn(read).await.unwrap_or_else(|_| Err(failed()))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("System")
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pages").field(&self.list.name).finish()
    }
}
