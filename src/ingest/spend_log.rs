//! The control store remembers what providers' budgets have spent.

use anyhow::Result;
use chrono::TimeDelta;
use futures::future::BoxFuture;

use crate::{
    market::ProviderId,
    providers::{SpendLog, Spent},
    store::Store,
};

/// Spending, written to the store: the daemon's, or that of a command beside it. Each knows both from
/// its start on, and neither overwrites the other's.
#[derive(Debug)]
pub struct StoredSpending {
    store: Store,
    own: &'static str,
}

const SPENDERS: [&str; 2] = ["", " (commands)"];

impl StoredSpending {
    pub fn of_daemon(store: &Store) -> Self {
        Self { store: store.clone(), own: SPENDERS[0] }
    }

    pub fn of_command(store: &Store) -> Self {
        Self { store: store.clone(), own: SPENDERS[1] }
    }
}

impl SpendLog for StoredSpending {
    fn spent<'a>(&'a self, account: &'a ProviderId) -> BoxFuture<'a, Result<Vec<Spent>>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for spender in SPENDERS {
                let spent = self.store.spent(&format!("{account}{spender}")).await?.into_iter();
                all.extend(spent.map(|(seconds, requests)| {
                    let span = TimeDelta::seconds(seconds);
                    Spent { span, requests }
                }));
            }
            Ok(all)
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
            let account = format!("{account}{}", self.own);
            Ok(self.store.remember_spent(&account, &rows).await?)
        })
    }
}
