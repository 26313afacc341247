//! Upserts: rows replace those of the same key, and only files that have one of them are written anew.

use std::{
    collections::{HashMap, HashSet},
    slice,
};

use deltalake::{
    DeltaTable,
    arrow::{
        array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array},
        compute::{filter_record_batch, take_record_batch},
        row::Rows,
        util::display::array_value_to_string,
    },
    kernel::{Action, LogicalFileView, Remove},
    protocol::DeltaOperation,
};
use futures::future::BoxFuture;

use super::{
    super::{
        CommitRecord, LakeError, Table, bounds::Bounds, compact::partitions, order::sorted,
        shape::PartitionText,
    },
    Written,
    commit::{Wish, Work},
    read::{Comparer, names, part_of, project},
};

/// What becomes of rows whose key is not among those given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rest<'a> {
    Stays,
    /// What is given is the whole table.
    Goes,
    /// Rows with these keys go; they have the columns of the key and of the partitions.
    Without(&'a RecordBatch),
}

impl Table {
    /// Puts the rows in, in place of those of the same key; rows with the same values stay as they are,
    /// and if nothing is to change nothing is committed.
    ///
    /// Fails with `Definition` if the table has no key, or a key is null or there twice.
    pub fn merge<'a>(
        &'a self,
        rows: &'a [RecordBatch],
        rest: Rest<'a>,
        record: &'a CommitRecord,
    ) -> BoxFuture<'a, Result<Written, LakeError>> {
        Box::pin(self.write(Wish::Merge(rows, rest), record))
    }

    pub(super) async fn plan_merge(
        &self,
        read: &DeltaTable,
        rows: &[RecordBatch],
        rest: Rest<'_>,
    ) -> Result<Work, LakeError> {
        if self.shape.key.is_empty() {
            return Err(self.unfit("has no key to merge by; append or overwrite instead"));
        }
        let state = read.snapshot().map_err(|error| self.delta(error))?;
        let mut there = partitions(state.log_data().iter());
        let mut all = Replaced::default();
        let gone: HashMap<PartitionText, RecordBatch> = match rest {
            Rest::Without(gone) => self.by_partition(slice::from_ref(gone))?.into_iter().collect(),
            Rest::Stays | Rest::Goes => HashMap::new(),
        };
        let mut parts = self.by_partition(rows)?;
        let is_new = |values: &PartitionText| parts.iter().all(|(own, _)| own != values);
        let others = gone.iter().filter(|(values, _)| is_new(values));
        let others: Vec<_> = others.map(|(own, rows)| (own.clone(), rows.slice(0, 0))).collect();
        parts.extend(others);
        for (values, rows) in parts {
            let files = there.remove(&values).unwrap_or_default();
            let rest = match gone.get(&values) {
                Some(gone) => Rest::Without(gone),
                None if rest == Rest::Goes => Rest::Goes,
                None => Rest::Stays,
            };
            let replaced = self.replaced(read, &files, &rows, rest).await?;
            all.take_in(replaced, &values);
        }
        if rest == Rest::Goes {
            for file in there.into_values().flatten() {
                all.written.removed += file.num_records().unwrap_or_default() as u64;
                all.removes.push(file.remove_action(true));
            }
        }
        let files_replaced = all.removes.len() as u64;
        let written = Written { files_replaced, ..all.written };
        let mut actions: Vec<Action> = all.removes.into_iter().map(Action::Remove).collect();
        actions.extend(self.added(read, all.changed, true).await?);
        actions.extend(self.added(read, all.kept, false).await?);
        let operation = DeltaOperation::Merge {
            predicate: None,
            merge_predicate: Some(self.shape.key.join(", ")),
            matched_predicates: Vec::new(),
            not_matched_predicates: Vec::new(),
            not_matched_by_source_predicates: Vec::new(),
        };
        Ok(Work { actions, operation, written })
    }

    /// What becomes of the files of one partition when `rows` are put in.
    async fn replaced(
        &self,
        read: &DeltaTable,
        files: &[LogicalFileView],
        rows: &RecordBatch,
        rest: Rest<'_>,
    ) -> Result<Replaced, LakeError> {
        let arrow = |source| self.arrow(source);
        let schema = rows.schema();
        let of_key = part_of(&schema, &self.shape.key);
        let (by_key, by_value) =
            (Comparer::new(&of_key).map_err(arrow)?, Comparer::new(&schema).map_err(arrow)?);
        let keys = project(rows, names(&of_key)).map_err(arrow)?;
        if keys.columns().iter().any(|column| column.null_count() > 0) {
            return Err(self.unfit("a key is null"));
        }
        let wanted = by_key.rows(&keys).map_err(arrow)?;
        let leaving = match rest {
            Rest::Without(gone) => Some(project(gone, names(&of_key)).map_err(arrow)?),
            Rest::Stays | Rest::Goes => None,
        };
        let bounds: Vec<Bounds> =
            [Some(&keys), leaving.as_ref()].into_iter().flatten().map(Bounds::of).collect();
        let may_be_in = |file: &&LogicalFileView| bounds.iter().any(|one| one.may_be_in(file));
        let leaving = leaving.map(|keys| by_key.rows(&keys)).transpose().map_err(arrow)?;
        let leaving: HashSet<&[u8]> = leaving.iter().flatten().map(|key| key.data()).collect();
        let goes = |key: &[u8]| rest == Rest::Goes || leaving.contains(key);
        let files = files.iter().filter(|file| rest == Rest::Goes || may_be_in(file));
        let files: Vec<&LogicalFileView> = files.collect();
        // Nothing is looked for in rows that are all new, and where each key is above the one before
        // none is there twice.
        let is_ascending = wanted.iter().is_sorted_by(|one, next| one < next);
        let at = if is_ascending && files.is_empty() {
            HashMap::new()
        } else {
            self.places(&keys, &wanted)?
        };
        let mut replaced = Replaced::default();
        let mut is_new = vec![true; rows.num_rows()];
        let mut is_known = vec![false; rows.num_rows()];
        for file in files {
            let path = file.object_store_path();
            let own = self.rows_in(read, &path, &of_key).await?;
            let own = by_key.rows(&own).map_err(arrow)?;
            let found = own.iter().map(|key| at.get(key.data()).copied()).collect::<Vec<_>>();
            let goes: Vec<bool> = own.iter().map(|key| goes(key.data())).collect();
            if !found.iter().zip(&goes).any(|(found, goes)| found.is_some() || *goes) {
                continue;
            }
            let own = self.rows_in(read, &path, &schema).await?;
            let mut stays = vec![true; own.num_rows()];
            let pairs: Vec<(u32, u32)> = found
                .iter()
                .enumerate()
                .filter_map(|(row, found)| Some((index(row), index((*found)?))))
                .collect();
            let taken = |batch: &RecordBatch, rows: UInt32Array| take_record_batch(batch, &rows);
            let old = taken(&own, pairs.iter().map(|(old, _)| *old).collect()).map_err(arrow)?;
            let new = taken(rows, pairs.iter().map(|(_, new)| *new).collect()).map_err(arrow)?;
            let (old, new) =
                (by_value.rows(&old).map_err(arrow)?, by_value.rows(&new).map_err(arrow)?);
            for (pair, (old_row, new_row)) in pairs.iter().enumerate() {
                is_known[*new_row as usize] = true;
                if old.row(pair) == new.row(pair) {
                    is_new[*new_row as usize] = false;
                } else {
                    stays[*old_row as usize] = false;
                }
            }
            for (row, found) in found.iter().enumerate() {
                if found.is_none() && goes[row] {
                    stays[row] = false;
                    replaced.written.removed += 1;
                }
            }
            if stays.iter().all(|stays| *stays) {
                continue;
            }
            let kept = filter_record_batch(&own, &BooleanArray::from(stays)).map_err(arrow)?;
            replaced.removes.push(file.remove_action(true));
            replaced.kept.push(kept);
        }
        for (is_new, is_known) in is_new.iter().zip(&is_known) {
            replaced.written.unchanged += u64::from(!is_new);
            replaced.written.updated += u64::from(*is_new && *is_known);
            replaced.written.inserted += u64::from(*is_new && !is_known);
        }
        let changed = filter_record_batch(rows, &BooleanArray::from(is_new)).map_err(arrow)?;
        replaced.changed.push(changed);
        if !replaced.kept.is_empty() {
            let kept = sorted(&replaced.kept, &schema, &self.shape.sort).map_err(arrow)?;
            replaced.kept = vec![kept];
        }
        Ok(replaced)
    }

    /// In which row each key is.
    fn places<'a>(
        &self,
        keys: &RecordBatch,
        wanted: &'a Rows,
    ) -> Result<HashMap<&'a [u8], usize>, LakeError> {
        let mut at = HashMap::with_capacity(wanted.num_rows());
        for (row, key) in wanted.iter().enumerate() {
            if at.insert(key.data(), row).is_some() {
                let key = shown(keys, row);
                return Err(self.unfit(&format!("the key {key} is there twice among the rows")));
            }
        }
        Ok(at)
    }

    pub(super) fn unfit(&self, detail: &str) -> LakeError {
        LakeError::Definition { table: self.named(), detail: detail.to_owned() }
    }
}

/// Files that go, and the rows that come instead.
struct Replaced<T = RecordBatch> {
    removes: Vec<Remove>,
    changed: Vec<T>,
    kept: Vec<T>,
    /// Rows; the files are counted at the end.
    written: Written,
}

impl<T> Default for Replaced<T> {
    fn default() -> Self {
        Self {
            removes: Vec::new(),
            changed: Vec::new(),
            kept: Vec::new(),
            written: Written::default(),
        }
    }
}

impl Replaced<(PartitionText, RecordBatch)> {
    fn take_in(&mut self, one: Replaced, values: &PartitionText) {
        let some = |rows: Vec<RecordBatch>| {
            let some = rows.into_iter().filter(|rows| rows.num_rows() > 0);
            some.map(|rows| (values.clone(), rows)).collect::<Vec<_>>()
        };
        self.removes.extend(one.removes);
        self.changed.extend(some(one.changed));
        self.kept.extend(some(one.kept));
        self.written.inserted += one.written.inserted;
        self.written.updated += one.written.updated;
        self.written.unchanged += one.written.unchanged;
        self.written.removed += one.written.removed;
    }
}

/// A row as people read it.
fn shown(rows: &RecordBatch, row: usize) -> String {
    let value = |column: &ArrayRef| array_value_to_string(column, row).unwrap_or_default();
    rows.columns().iter().map(value).collect::<Vec<_>>().join(", ")
}

fn index(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
