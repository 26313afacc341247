//! What statisticians publish: a few series of the US economy, newest first.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc, Weekday};
use serde_json::json;

use super::{page::table_reply, question::Query, words::Refusal};
use crate::simulate::{Reply, decimal::fixed, price::hash};

/// One function.
#[derive(Debug)]
pub(super) struct Indicator {
    function: &'static str,
    name: &'static str,
    unit: &'static str,
    /// The first is the default.
    intervals: &'static [Interval],
    /// About its value, and by how much it departs from it, in units of the last decimal.
    level: i64,
    swing: i64,
    decimals: u8,
    /// Days after the end of a period until its value is published.
    lag: u64,
}

const INDICATORS: [Indicator; 10] = [
    Indicator {
        function: "CPI",
        name: "Consumer Price Index for all Urban Consumers",
        unit: "index 1982-1984=100",
        intervals: &[Interval::Monthly, Interval::Semiannual],
        level: 310_000,
        swing: 20_000,
        decimals: 3,
        lag: 12,
    },
    Indicator {
        function: "INFLATION",
        name: "Inflation - US Consumer Prices",
        unit: "percent",
        intervals: &[Interval::Annual],
        level: 2_949_525,
        swing: 2_000_000,
        decimals: 6,
        lag: 20,
    },
    Indicator {
        function: "FEDERAL_FUNDS_RATE",
        name: "Effective Federal Funds Rate",
        unit: "percent",
        intervals: &[Interval::Monthly, Interval::Daily, Interval::Weekly],
        level: 430,
        swing: 100,
        decimals: 2,
        lag: 1,
    },
    Indicator {
        function: "UNEMPLOYMENT",
        name: "Unemployment Rate",
        unit: "percent",
        intervals: &[Interval::Monthly],
        level: 42,
        swing: 8,
        decimals: 1,
        lag: 5,
    },
    Indicator {
        function: "REAL_GDP",
        name: "Real Gross Domestic Product",
        unit: "billions of dollars",
        intervals: &[Interval::Annual, Interval::Quarterly],
        level: 22_671_096,
        swing: 500_000,
        decimals: 3,
        lag: 28,
    },
    Indicator {
        function: "REAL_GDP_PER_CAPITA",
        name: "Real Gross Domestic Product per Capita",
        unit: "chained 2012 dollars",
        intervals: &[Interval::Quarterly],
        level: 66_341_000,
        swing: 2_000_000,
        decimals: 3,
        lag: 28,
    },
    Indicator {
        function: "TREASURY_YIELD",
        name: "10-Year Treasury Constant Maturity Rate",
        unit: "percent",
        intervals: &[Interval::Monthly, Interval::Daily, Interval::Weekly],
        level: 420,
        swing: 110,
        decimals: 2,
        lag: 1,
    },
    Indicator {
        function: "RETAIL_SALES",
        name: "Advance Retail Sales: Retail Trade",
        unit: "millions of dollars",
        intervals: &[Interval::Monthly],
        level: 600_000,
        swing: 40_000,
        decimals: 0,
        lag: 16,
    },
    Indicator {
        function: "DURABLES",
        name: "Manufacturer New Orders: Durable Goods",
        unit: "millions of dollars",
        intervals: &[Interval::Monthly],
        level: 280_000,
        swing: 25_000,
        decimals: 0,
        lag: 27,
    },
    Indicator {
        function: "NONFARM_PAYROLL",
        name: "Total Nonfarm Payroll",
        unit: "thousands of persons",
        intervals: &[Interval::Monthly],
        level: 155_000,
        swing: 4_000,
        decimals: 0,
        lag: 5,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interval {
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    Semiannual,
    Annual,
}

impl Interval {
    const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Semiannual => "semiannual",
            Self::Annual => "annual",
        }
    }

    fn next(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::Daily => date + Days::new(1),
            Self::Weekly => date + Days::new(7),
            Self::Monthly => date + Months::new(1),
            Self::Quarterly => date + Months::new(3),
            Self::Semiannual => date + Months::new(6),
            Self::Annual => date + Months::new(12),
        }
    }
}

/// Where every series begins; a Wednesday of weeks that begin on Wednesdays.
const BEGIN: (i32, u32, u32) = (2014, 1, 1);

/// A period that nobody published a value of, as happens when statisticians must stay at home.
const UNPUBLISHED: (i32, u32) = (2020, 1);

impl Indicator {
    pub(super) fn named(function: &str) -> Option<&'static Self> {
        INDICATORS.iter().find(|indicator| indicator.function == function)
    }

    /// Everything published before `now`.
    pub(super) fn answer(
        &self,
        query: &Query,
        seed: u64,
        now: DateTime<Utc>,
    ) -> Result<Reply, Refusal> {
        let asked = query.get("interval");
        let interval = match asked {
            "" => self.intervals.first(),
            _ => self.intervals.iter().find(|interval| interval.name() == asked),
        };
        let interval = interval.ok_or_else(|| Refusal::InvalidCall(self.function.to_owned()))?;
        let today = now.date_naive();
        let (year, month, day) = BEGIN;
        let begin = NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
        let dates = std::iter::successors(Some(begin), |date| Some(interval.next(*date)));
        let is_published = |date: &NaiveDate| interval.next(*date) + Days::new(self.lag) <= today;
        let is_kept = |date: &NaiveDate| {
            *interval != Interval::Daily || !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
        };
        let dates: Vec<_> = dates.take_while(is_published).filter(is_kept).collect();
        // A yield is of one maturity, and each has its own.
        let about = [self.function, query.get("maturity")].concat();
        let key = about.bytes().fold(seed, |key, byte| hash(key, i64::from(byte)));
        let values = dates.into_iter().rev().map(|date| (date, self.value(date, key)));
        if query.is_csv() {
            let rows = values.map(|(date, value)| format!("{date},{value}\r\n"));
            return Ok(table_reply(format!("timestamp,value\r\n{}", rows.collect::<String>())));
        }
        let data: Vec<_> = values
            .map(|(date, value)| json!({ "date": date.to_string(), "value": value }))
            .collect();
        let body = json!({
            "name": self.name,
            "interval": interval.name(),
            "unit": self.unit,
            "data": data,
        });
        Ok(Reply { content_type: "application/json", ..Reply::json(200, body.to_string()) })
    }

    /// A decimal as text, or a dot.
    fn value(&self, date: NaiveDate, key: u64) -> String {
        let is_first = date.day() == 1;
        if is_first && (date.year(), date.month()) == UNPUBLISHED {
            return ".".to_owned();
        }
        let chance = hash(key, i64::from(date.num_days_from_ce()));
        let departure = (chance % (2 * self.swing.unsigned_abs())).cast_signed() - self.swing;
        fixed(self.level + departure, self.decimals)
    }
}
