//! What was spent of each provider's limits.

use super::{Store, StoreError, statement::sql};
use crate::market::ProviderId;

/// The span of a limit in seconds, and its requests: microseconds since 1970 and how many.
type Spending = (i64, Vec<(i64, u32)>);

impl Store {
    /// Everything spent by an account, as last written down.
    pub async fn spent(&self, account: &str) -> Result<Vec<Spending>, StoreError> {
        let spent = sql("select span_seconds, requests from budget where account = $1");
        let rows: Vec<(i64, String)> = self.engine.read(spent.bind(account)).await?;
        let read = |(span, requests): (i64, String)| match serde_json::from_str(&requests) {
            Ok(read) => Ok((span, read)),
            Err(_) => Err(StoreError::Unreadable { what: "spent requests", value: requests }),
        };
        rows.into_iter().map(read).collect()
    }

    /// Replaces what an account has spent of the limits in `spent`.
    pub async fn remember_spent(
        &self,
        account: &str,
        spent: &[Spending],
    ) -> Result<(), StoreError> {
        let remember = |(span, requests): &Spending| {
            sql("insert into budget (account, span_seconds, requests) values ($1, $2, $3) \
                 on conflict (account, span_seconds) do update set requests = excluded.requests")
            .bind(account)
            .bind(*span)
            .bind(serde_json::json!(requests).to_string())
        };
        // Spending that is not a provider's, as that of commands, has no lease.
        let provider: Option<ProviderId> = account.parse().ok();
        let guard = provider.map_or(Ok(None), |provider| self.guard(&provider))?;
        let remember = spent.iter().map(remember);
        self.write_guarded(&guard.into_iter().chain(remember).collect::<Vec<_>>()).await
    }
}
