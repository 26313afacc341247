//! A model as it is written: SQL under a header of comments that says what it builds, and of what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::lake::{Layer, TableName};

/// A table that is made of others.
#[derive(Debug, Clone)]
pub struct Model {
    /// The table it builds, whose name is the model's.
    pub name: TableName,
    /// For whoever reads the list of models.
    pub about: String,
    /// The tables it reads, by their names in the query; what has changed there is built anew.
    pub from: Vec<String>,
    /// Tables that it reads as a whole, however little has changed there.
    pub with: Vec<String>,
    /// Of some of `from` only the rows for which a condition holds, by their names.
    pub only: BTreeMap<String, String>,
    pub key: Vec<String>,
    pub partition_by: Vec<String>,
    pub sort_by: Vec<String>,
    pub increment: Increment,
    /// At least so long from one build to the next.
    pub every: TimeDelta,
    pub tests: Vec<Test>,
    pub query: String,
    /// Changes with the text, so that another text builds everything anew.
    pub fingerprint: String,
}

/// How much is built when something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Increment {
    /// Everything.
    Whole,
    /// Of each series, whatever its rows can depend on.
    Series { columns: Vec<String>, time: String, reach: Reach },
}

/// How far in its series a row sees back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// So many rows.
    Rows(i64),
    Time(TimeDelta),
}

/// What has to be so of the rows that are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub name: String,
    pub severity: Severity,
    /// A condition on every row, or a query that gives no row; it may read `built`.
    pub check: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is published while it fails.
    Refuse,
    /// It is said.
    Warn,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
        }
    }
}

impl Test {
    /// Whether it is a query of its own instead of a condition.
    pub fn is_query(&self) -> bool {
        let first = self.check.split_whitespace().next().unwrap_or_default();
        first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with")
    }
}

/// What is wrong with a model's text: in which file, in which line of its header, and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {line}: {fix}")]
pub struct HeaderError {
    pub file: String,
    pub line: String,
    pub fix: String,
}

const WORDS: [&str; 13] = [
    "builds",
    "about",
    "from",
    "with",
    "only",
    "key",
    "partition by",
    "sort by",
    "series",
    "time",
    "reach",
    "every",
    "test",
];

/// What these say has a name: `test NAME: …`.
const NAMED: [&str; 2] = ["test", "only"];

impl Model {
    /// Reads a file. Fails at the first line of the header that is not understood.
    pub fn read(file: &str, text: &str) -> Result<Self, HeaderError> {
        let lines = text.lines().map_while(|line| line.trim().strip_prefix("--"));
        let query: String = text.lines().skip(lines.clone().count()).collect::<Vec<_>>().join("\n");
        let mut header = Header { file: file.to_owned(), lines: Vec::new() };
        for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
            header.add(line)?;
        }
        header.model(query.trim(), text)
    }
}

/// The lines of a header, by their first words.
struct Header {
    file: String,
    lines: Vec<(&'static str, String)>,
}

impl Header {
    fn wrong(&self, line: &str, fix: impl fmt::Display) -> HeaderError {
        HeaderError { file: self.file.clone(), line: line.to_owned(), fix: fix.to_string() }
    }

    /// A line without one of the words goes on with the one before it.
    fn add(&mut self, line: &str) -> Result<(), HeaderError> {
        let word = line.split_once(':').and_then(|(before, _)| {
            let first = before.split(' ').next();
            let is_it =
                |word: &&&str| before == **word || NAMED.contains(*word) && first == Some(**word);
            WORDS.iter().find(is_it)
        });
        match (word, self.lines.last_mut()) {
            (Some(word), _) if NAMED.contains(word) => {
                let rest = line.strip_prefix(*word).unwrap_or_default().trim().to_owned();
                self.lines.push((word, rest));
            }
            (Some(word), _) => {
                let (_, value) = line.split_once(':').unwrap_or_default();
                self.lines.push((word, value.trim().to_owned()));
            }
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(line);
            }
            (None, None) => {
                let fix = format!("begin with one of {}, and a colon", WORDS.join(", "));
                return Err(self.wrong(line, fix));
            }
        }
        Ok(())
    }

    fn all(&self, word: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(own, _)| *own == word).map(|(_, value)| value.as_str())
    }

    fn one(&self, word: &str) -> Result<Option<&str>, HeaderError> {
        let mut all = self.all(word);
        let first = all.next();
        if all.next().is_some() {
            return Err(self.wrong(word, "say it once"));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    fn list(&self, word: &str) -> Result<Vec<String>, HeaderError> {
        let value = self.one(word)?.unwrap_or_default();
        let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    fn model(&self, query: &str, text: &str) -> Result<Model, HeaderError> {
        let needed = |word: &str| self.wrong(word, "is missing; say it in the header");
        let builds = self.one("builds")?.ok_or_else(|| needed("builds"))?;
        let name: TableName = builds.parse().map_err(|error| self.wrong("builds", error))?;
        if name.layer == Layer::Bronze {
            return Err(self.wrong("builds", "bronze is what sources said; build silver or gold"));
        }
        let from = self.list("from")?;
        if from.is_empty() {
            return Err(needed("from"));
        }
        let key = self.list("key")?;
        if key.is_empty() {
            return Err(needed("key"));
        }
        if query.is_empty() {
            return Err(self.wrong("builds", "there is no query under the header"));
        }
        let every = self.one("every")?.map(|value| self.span("every", value)).transpose()?;
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..12]);
        Ok(Model {
            name,
            about: self.one("about")?.unwrap_or_default().to_owned(),
            only: self.only(&from)?,
            from,
            with: self.list("with")?,
            key,
            partition_by: self.list("partition by")?,
            sort_by: self.list("sort by")?,
            increment: self.increment()?,
            every: every.unwrap_or_default(),
            tests: self.tests()?,
            query: query.to_owned(),
            fingerprint: hash,
        })
    }

    fn increment(&self) -> Result<Increment, HeaderError> {
        let columns = self.list("series")?;
        if columns.is_empty() {
            for word in ["time", "reach"] {
                if self.one(word)?.is_some() {
                    return Err(self.wrong(word, "is for models with a series"));
                }
            }
            return Ok(Increment::Whole);
        }
        let time = self.one("time")?.unwrap_or("timestamp").to_owned();
        let reach = match self.one("reach")? {
            None => Reach::Rows(0),
            Some(value) => match value.strip_suffix("rows").map(|rows| rows.trim().parse()) {
                Some(Ok(rows)) if rows >= 0 => Reach::Rows(rows),
                Some(_) => return Err(self.wrong("reach", "write a number of rows: 100 rows")),
                None => Reach::Time(self.span("reach", value)?),
            },
        };
        Ok(Increment::Series { columns, time, reach })
    }

    fn span(&self, word: &str, value: &str) -> Result<TimeDelta, HeaderError> {
        let span = humantime::parse_duration(value).ok();
        let span = span.and_then(|span| TimeDelta::from_std(span).ok());
        span.ok_or_else(|| self.wrong(word, format!("{value:?} is no duration like 5m or 2d")))
    }

    /// `TABLE: CONDITION`.
    fn only(&self, from: &[String]) -> Result<BTreeMap<String, String>, HeaderError> {
        let pair = |line: &str| {
            let (table, condition) = line.split_once(':')?;
            let (table, condition) = (table.trim().to_owned(), condition.trim().to_owned());
            (from.contains(&table) && !condition.is_empty()).then_some((table, condition))
        };
        let fix = "write `only TABLE: CONDITION`, with one of the tables of `from`";
        let pairs = self.all("only").map(|line| pair(line).ok_or_else(|| self.wrong("only", fix)));
        pairs.collect()
    }

    fn tests(&self) -> Result<Vec<Test>, HeaderError> {
        let tests: Vec<Test> =
            self.all("test").map(|line| self.test(line)).collect::<Result<_, _>>()?;
        let mut names = BTreeSet::new();
        match tests.iter().find(|test| !names.insert(&test.name)) {
            Some(twice) => Err(self.wrong("test", format!("two are called {}", twice.name))),
            None => Ok(tests),
        }
    }

    /// `name: check`, or `name (warn): check`.
    fn test(&self, line: &str) -> Result<Test, HeaderError> {
        let fix =
            || self.wrong("test", "write `test NAME: CONDITION` or `test NAME (warn): CONDITION`");
        let (name, check) = line.split_once(':').ok_or_else(fix)?;
        let (name, severity) = match name.trim().strip_suffix("(warn)") {
            Some(name) => (name.trim(), Severity::Warn),
            None => (name.trim(), Severity::Refuse),
        };
        let check = check.trim();
        if name.is_empty() || check.is_empty() || name.contains(char::is_whitespace) {
            return Err(fix());
        }
        Ok(Test { name: name.to_owned(), severity, check: check.to_owned() })
    }
}

impl FromStr for Model {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, HeaderError> {
        Self::read("the model", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "-- builds: gold.days\n-- about: Something\n--   long.\n-- from: silver.a, silver.b\n\
        -- key: day\n-- only silver.b: y = 'z'\n-- every: 5m\n-- test sane: x > 0\n-- test rare (warn): x < 9\nselect 1\n-- a comment\n";

    #[test]
    fn a_header_says_what_is_built_and_of_what() {
        let model: Model = WHOLE.parse().unwrap();
        assert_eq!(model.name.as_str(), "gold.days");
        assert_eq!(model.about, "Something long.");
        assert_eq!(model.from, ["silver.a", "silver.b"]);
        assert_eq!(model.every, TimeDelta::minutes(5));
        assert_eq!(model.increment, Increment::Whole);
        assert_eq!(model.query, "select 1\n-- a comment");
        assert_eq!(model.tests.len(), 2);
        assert_eq!((&*model.tests[1].name, model.tests[1].severity), ("rare", Severity::Warn));
        assert_eq!(model.only["silver.b"], "y = 'z'");
        let other: Model = WHOLE.replace("select 1", "select 2").parse().unwrap();
        assert_ne!(model.fingerprint, other.fingerprint);
    }

    #[test]
    fn a_series_has_a_time_and_a_reach() {
        let with = |more: &str| WHOLE.replace("-- every: 5m", more).parse::<Model>();
        let of = |model: Model| match model.increment {
            Increment::Series { columns, time, reach } => (columns, time, reach),
            Increment::Whole => panic!("no series"),
        };
        let (columns, time, reach) = of(with("-- series: a, b\n-- reach: 70 rows").unwrap());
        assert_eq!((columns.len(), &*time, reach), (2, "timestamp", Reach::Rows(70)));
        let (_, _, reach) = of(with("-- series: a\n-- time: at\n-- reach: 2d").unwrap());
        assert_eq!(reach, Reach::Time(TimeDelta::days(2)));
    }

    #[test]
    fn what_is_not_understood_is_said_with_the_fix() {
        let refused = |text: &str| text.parse::<Model>().unwrap_err().to_string();
        for (text, said) in [
            ("select 1", "builds: is missing"),
            ("-- colour: red\nselect 1", "begin with one of builds"),
            ("-- builds: bronze.a\nselect 1", "bronze is what sources said"),
            ("-- builds: gold.A\nselect 1", "lower case letters"),
            ("-- builds: gold.a\nselect 1", "from: is missing"),
            ("-- builds: gold.a\n-- from: silver.a\nselect 1", "key: is missing"),
            ("-- builds: gold.a\n-- from: silver.a\n-- key: a", "there is no query"),
        ] {
            assert!(refused(text).contains(said), "{}", refused(text));
        }
        for (line, said) in [
            ("-- reach: 5 rows", "is for models with a series"),
            ("-- series: a\n-- reach: some rows", "write a number of rows"),
            ("-- every: soon", "no duration"),
            ("-- key: b", "say it once"),
            ("-- test sane: x < 9", "two are called sane"),
            ("-- test: x < 9", "write `test NAME: CONDITION`"),
            ("-- only silver.c: x < 9", "write `only TABLE: CONDITION`"),
        ] {
            let text = WHOLE.replace("-- every: 5m", line);
            assert!(refused(&text).contains(said), "{}", refused(&text));
        }
    }
}
