//! The control store: what must be remembered besides the lake, in SQLite or PostgreSQL.

mod api_keys;
mod audit;
mod backfills;
mod budgets;
mod chunks;
mod coverage;
mod dead_letters;
mod engine;
mod error;
mod feeds;
mod fences;
mod findings;
mod leases;
mod letter_groups;
mod letter_states;
mod migrations;
mod models;
mod plans;
mod postgres;
mod replicas;
mod roster;
mod schedules;
mod sqlite;
mod statement;
mod upkeep;

use chrono::{DateTime, Utc};

pub use self::{
    api_keys::ApiKey,
    audit::{AuditEntry, AuditFilter},
    backfills::{BackfillFilter, BackfillState, ChunkCounts, KeptBackfill, NewBackfill},
    chunks::{ChunkFilter, ChunkState, Claim, Claimer, KeptChunk, NewChunk, Settlement, Spent},
    coverage::{LandedVersions, SeriesChange, SeriesRecord},
    dead_letters::{DeadLetterFilter, DeadLetterPosition, KeptLetter, LetterState, Resolved},
    error::StoreError,
    fences::duty_of,
    findings::FindingFilter,
    leases::{Incarnation, LeaseRecord},
    letter_groups::{LetterGroup, OpenLetters},
    letter_states::Resolution,
    migrations::Schema,
    models::{BuildOutcome, KeptBuild, KeptModel},
    plans::KeptPlan,
    replicas::ReplicaRecord,
    roster::{KeptAsset, Source},
    schedules::{KeptSchedule, Paused},
    upkeep::KeptUpkeep,
};
use self::{engine::Engine, fences::Fences, statement::sql};
use crate::config::StoreUrl;

/// A handle; clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    /// What writes are guarded by; the same for every clone.
    fences: Fences,
}

impl Store {
    /// Opens the store and brings its schema up to date. A SQLite file is created, with its folder,
    /// if absent.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let store = Self { engine: Engine::open(url).await?, fences: Fences::default() };
        store.fingerprint_letters().await?;
        Ok(store)
    }

    /// Like `open`, for a command beside a daemon.
    pub async fn visit(url: &StoreUrl) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::open(url).await?, fences: Fences::default() })
    }

    /// How far the schema of a store is; changes nothing, not even if there is no store.
    pub async fn schema(url: &StoreUrl) -> Result<Schema, StoreError> {
        let engine = Engine::look(url).await?;
        let schema = migrations::look(engine.as_ref()).await;
        if let Some(engine) = engine {
            engine.close().await;
        }
        schema
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: Vec<(i64,)> = self.engine.read(sql("select cast(1 as bigint)")).await?;
        Ok(())
    }

    /// Lets running statements finish and closes every connection.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}
