//! Further columns for a table that has rows already; those are null there.

use buoyant_kernel::engine::arrow_conversion::TryFromArrow;
use deltalake::{
    arrow::datatypes::Field,
    kernel::{StructField, transaction::CommitProperties},
};
use futures::future::BoxFuture;

use super::{
    super::{LakeError, Table},
    check_columns,
};

impl Table {
    /// Adds the columns that the table lacks. Fails with `Definition` if it has one as another type, or
    /// if there may be no null in one.
    pub fn widen<'a>(&'a self, columns: &'a [Field]) -> BoxFuture<'a, Result<(), LakeError>> {
        Box::pin(async move {
            let _turn = self.writing.lock().await;
            self.look().await?;
            let there = self.schema()?;
            let mut lacking = Vec::new();
            for field in columns {
                match there.field_with_name(field.name()) {
                    Ok(own) if own.data_type() == field.data_type() => {}
                    Ok(own) => {
                        let (name, kind) = (field.name(), own.data_type());
                        return Err(self.unfit(&format!("has {name} as {kind}")));
                    }
                    Err(_) if !field.is_nullable() => {
                        let detail = format!("{} must take null, as rows lack it", field.name());
                        return Err(self.unfit(&detail));
                    }
                    Err(_) => lacking.push(
                        StructField::try_from_arrow(field).map_err(|source| self.arrow(source))?,
                    ),
                }
            }
            if lacking.is_empty() {
                return Ok(());
            }
            let new = columns.iter().filter(|field| there.index_of(field.name()).is_err());
            check_columns(&self.shape.name, there.fields().iter().map(AsRef::as_ref).chain(new))?;
            let widened = self.snapshot().add_columns().with_fields(lacking);
            let widened = widened.with_commit_properties(CommitProperties::default());
            widened.await.map_err(|error| self.delta(error))?;
            let mut writer = self.writer.lock().await;
            self.reopen(&mut writer).await
        })
    }
}
