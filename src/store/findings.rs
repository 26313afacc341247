//! Candles on which two accounts differ, as long as they do.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::{Store, StoreError, instant, statement::sql};
use crate::{
    market::{InstrumentId, Series, Window},
    quality::{Check, Divergence, Finding},
};

/// Which findings to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    pub check: Option<Check>,
    pub asset: Option<InstrumentId>,
}

#[derive(FromRow)]
struct Row {
    check_name: String,
    series: String,
    other: String,
    open_at: i64,
    field: String,
    bps: f64,
    found_at: i64,
}

impl Store {
    /// Replaces what was found of two series in `window` by `findings`.
    pub async fn compared(
        &self,
        (check, series, other): (Check, &Series, &Series),
        window: Window,
        findings: &[Finding],
    ) -> Result<(), StoreError> {
        let (series, other) = (series.to_string(), other.to_string());
        let forget =
            sql("delete from finding where check_name = $1 and series = $2 and other = $3 \
             and open_at >= $4 and open_at < $5")
            .bind(check.as_str())
            .bind(&*series)
            .bind(&*other)
            .bind(window.start.timestamp_micros())
            .bind(window.end.timestamp_micros());
        let found = findings.iter().map(|finding| {
            sql("insert into finding (check_name, series, other, open_at, field, bps, found_at) \
                 values ($1, $2, $3, $4, $5, $6, $7)")
            .bind(check.as_str())
            .bind(&*series)
            .bind(&*other)
            .bind(finding.open_time.timestamp_micros())
            .bind(finding.divergence.field)
            .bind(finding.divergence.bps)
            .bind(finding.found_at.timestamp_micros())
        });
        let statements: Vec<_> = std::iter::once(forget).chain(found).collect();
        self.engine.write(&statements).await
    }

    /// The newest candles first.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        limit: u32,
    ) -> Result<Vec<Finding>, StoreError> {
        let findings = sql("select check_name, series, other, open_at, field, bps, found_at \
             from finding \
             where ($1 is null or check_name = $1) and ($2 is null or series like $2) \
             order by open_at desc, series collate \"C\", other collate \"C\" limit $3")
        .bind(filter.check.map(Check::as_str))
        .bind(filter.asset.as_ref().map(|asset| format!("%/{asset}/%")).as_deref())
        .bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(findings).await?;
        rows.iter().map(finding).collect()
    }

    /// How many candles of a series in `window` are told differently elsewhere, by UTC day: days since
    /// 1970 and how many.
    pub async fn finding_days(
        &self,
        series: &Series,
        window: Window,
    ) -> Result<BTreeMap<i64, i64>, StoreError> {
        let days = sql("select open_at / 86400000000, count(distinct open_at) from finding \
             where (series = $1 or other = $1) and open_at >= $2 and open_at < $3 \
             group by open_at / 86400000000")
        .bind(series.to_string())
        .bind(window.start.timestamp_micros())
        .bind(window.end.timestamp_micros());
        let days: Vec<(i64, i64)> = self.engine.read(days).await?;
        Ok(days.into_iter().collect())
    }

    /// How many there are of each check.
    pub async fn finding_counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let counts = "select check_name, count(*) from finding group by check_name \
                      order by check_name";
        self.engine.read(sql(counts)).await
    }
}

fn finding(row: &Row) -> Result<Finding, StoreError> {
    let unreadable = |what, value: &str| StoreError::Unreadable { what, value: value.to_owned() };
    let series = |name: &str| name.parse().map_err(|_| unreadable("a series", name));
    let check = Check::ALL.into_iter().find(|check| check.as_str() == row.check_name);
    let field = Divergence::FIELDS.into_iter().find(|field| *field == row.field);
    Ok(Finding {
        check: check.ok_or_else(|| unreadable("a check", &row.check_name))?,
        series: series(&row.series)?,
        other: series(&row.other)?,
        open_time: instant(row.open_at),
        divergence: Divergence {
            field: field.ok_or_else(|| unreadable("a field", &row.field))?,
            bps: row.bps,
        },
        found_at: instant(row.found_at),
    })
}
