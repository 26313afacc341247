//! When each feed was last collected. What it has brought, the lake knows.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, instant, statement::sql};
use crate::market::Feed;

impl Store {
    /// Every feed that was collected to the end once, and when last. Feeds that only another version
    /// knows are passed over.
    pub async fn feeds(&self) -> Result<Vec<(Feed, DateTime<Utc>)>, StoreError> {
        let feeds = sql("select feed, succeeded_at from feed order by feed collate \"C\"");
        let rows: Vec<(String, i64)> = self.engine.read(feeds).await?;
        let read = |(name, at): (String, i64)| Some((name.parse().ok()?, instant(at)));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    pub async fn collected(&self, feed: &Feed, at: DateTime<Utc>) -> Result<(), StoreError> {
        let guard = self.guard(Feed::PROVIDER)?;
        let collected = sql("insert into feed (feed, succeeded_at) values ($1, $2) \
             on conflict (feed) do update set succeeded_at = excluded.succeeded_at")
        .bind(feed.to_string())
        .bind(at.timestamp_micros());
        self.write_guarded(&guard.into_iter().chain([collected]).collect::<Vec<_>>()).await
    }
}
