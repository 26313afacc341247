//! The control store remembers what providers' budgets have spent.

use anyhow::Result;
use chrono::TimeDelta;
use futures::future::BoxFuture;

use crate::{
    market::ProviderId,
    providers::{SpendLog, Spent},
    store::Store,
};

/// Spending, written to the store.
#[derive(Debug)]
pub struct StoredSpending(pub Store);

impl SpendLog for StoredSpending {
    fn spent<'a>(&'a self, account: &'a ProviderId) -> BoxFuture<'a, Result<Vec<Spent>>> {
        Box::pin(async move {
            let spent = self.0.spent(account.as_str()).await?.into_iter();
            let spent = spent.map(|(seconds, requests)| {
                let span = TimeDelta::seconds(seconds);
                Spent { span, requests }
            });
            Ok(spent.collect())
        })
    }

    fn remember<'a>(
        &'a self,
        account: &'a ProviderId,
        spent: Vec<Spent>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let rows: Vec<_> =
                spent.into_iter().map(|one| (one.span.num_seconds(), one.requests)).collect();
            Ok(self.0.remember_spent(account.as_str(), &rows).await?)
        })
    }
}
