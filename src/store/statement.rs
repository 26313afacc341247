//! One SQL statement as data: its text, the same for both engines, and what is put into it.

use bytes::Bytes;
use sqlx::{
    Arguments, Database, Encode, FromRow, IntoArguments, Postgres, Sqlite, Type,
    error::BoxDynError,
    postgres::PgRow,
    query::{Query, QueryAs},
    sqlite::SqliteRow,
};

use super::StoreError;

/// A row that either engine can give.
pub(super) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<R> Record for R where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// Places are written `$1`, `$2`, …
#[derive(Debug, Clone)]
pub(super) struct Statement {
    text: Text,
    values: Vec<Value>,
    condition: Condition,
}

/// The two engines part only where one lacks a clause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    sqlite: &'static str,
    postgres: &'static str,
}

/// What a statement means to the others that are written with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Whatever it finds, it is done.
    None,
    /// If it changes no row nothing is written at all: the world has moved on, named here.
    OrMovedOn(&'static str),
    /// It is done only if the statement before it changed a row.
    IfChanged,
}

/// Where a write has got to: whether its next statement is to be done, and whether it may go on.
#[derive(Debug)]
pub(super) struct Progress {
    changed: u64,
}

impl Default for Progress {
    /// The first statement is always done.
    fn default() -> Self {
        Self { changed: 1 }
    }
}

impl Progress {
    pub(super) fn comes_to(&self, statement: &Statement) -> bool {
        statement.condition != Condition::IfChanged || self.changed > 0
    }

    pub(super) fn past(&mut self, statement: &Statement, changed: u64) -> Result<(), StoreError> {
        self.changed = changed;
        match statement.condition {
            Condition::OrMovedOn(what) if changed == 0 => Err(StoreError::MovedOn { what }),
            _ => Ok(()),
        }
    }
}

/// A value for a place. Without a value it still has a type, which PostgreSQL asks for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(f64),
    Bytes(Bytes),
}

pub(super) fn sql(text: &'static str) -> Statement {
    sql_of(text, text)
}

/// For the few statements that are not the same for both engines.
pub(super) fn sql_of(sqlite: &'static str, postgres: &'static str) -> Statement {
    let text = Text { sqlite, postgres };
    Statement { text, values: Vec::new(), condition: Condition::None }
}

/// An engine's own wording.
pub(super) trait Wording: Database {
    fn of(text: Text) -> &'static str;
}

impl Wording for Sqlite {
    fn of(text: Text) -> &'static str {
        text.sqlite
    }
}

impl Wording for Postgres {
    fn of(text: Text) -> &'static str {
        text.postgres
    }
}

impl Statement {
    /// Fills the next place.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Undoes everything written with it, with `StoreError::MovedOn`, if it changes no row.
    pub(super) fn or_moved_on(self, what: &'static str) -> Self {
        Self { condition: Condition::OrMovedOn(what), ..self }
    }

    /// Is passed over if the statement before it changed no row.
    pub(super) fn if_changed(self) -> Self {
        Self { condition: Condition::IfChanged, ..self }
    }

    pub(super) fn query<DB>(&self) -> sqlx::Result<Query<'static, DB, DB::Arguments>>
    where
        DB: Wording<Arguments: IntoArguments<DB>>,
        Value: Place<DB>,
    {
        Ok(sqlx::query_with(DB::of(self.text), self.arguments::<DB>()?))
    }

    pub(super) fn rows<DB, R>(&self) -> sqlx::Result<QueryAs<'static, DB, R, DB::Arguments>>
    where
        DB: Wording<Arguments: IntoArguments<DB>>,
        R: for<'r> FromRow<'r, DB::Row>,
        Value: Place<DB>,
    {
        Ok(sqlx::query_as_with(DB::of(self.text), self.arguments::<DB>()?))
    }

    fn arguments<DB: Database>(&self) -> sqlx::Result<DB::Arguments>
    where
        Value: Place<DB>,
    {
        let mut arguments = DB::Arguments::default();
        for value in &self.values {
            value.add_to(&mut arguments).map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

/// A value that an engine's statements have a place for.
pub(super) trait Place<DB: Database> {
    fn add_to(&self, arguments: &mut DB::Arguments) -> Result<(), BoxDynError>;
}

impl<DB: Database> Place<DB> for Value
where
    for<'a> Option<&'a str>: Encode<'a, DB> + Type<DB>,
    for<'a> Option<i64>: Encode<'a, DB> + Type<DB>,
    for<'a> f64: Encode<'a, DB> + Type<DB>,
    for<'a> &'a [u8]: Encode<'a, DB> + Type<DB>,
{
    fn add_to(&self, arguments: &mut DB::Arguments) -> Result<(), BoxDynError> {
        match self {
            Self::Text(text) => arguments.add(text.as_deref()),
            Self::Integer(integer) => arguments.add(*integer),
            Self::Real(real) => arguments.add(*real),
            Self::Bytes(bytes) => arguments.add(&bytes[..]),
        }
    }
}

impl From<&str> for Value {
    /// PostgreSQL has no zero character in texts, and what a provider says may contain one.
    fn from(text: &str) -> Self {
        Self::Text(Some(text.replace('\0', "\u{fffd}")))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(Some(integer))
    }
}

impl From<Option<i64>> for Value {
    fn from(integer: Option<i64>) -> Self {
        Self::Integer(integer)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<&Bytes> for Value {
    fn from(bytes: &Bytes) -> Self {
        Self::Bytes(bytes.clone())
    }
}
