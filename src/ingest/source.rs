//! Where the candles of a series are asked for: at a provider, or at its own finer candles.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{Book, Books, IngestError, Policy, derive::Derivation};
use crate::{
    clock::Clock,
    config::IngestConfig,
    lake::Lake,
    market::{Series, Window},
    providers::{Lane, Origin, Provider, Providers},
    quality::{Verdict, validate},
};

/// Answers questions about one series.
#[derive(Debug)]
pub enum Source {
    Provider { provider: Arc<dyn Provider>, pages_in_flight: usize, policy: Policy },
    Derived(Derivation),
}

/// The answers up to the first that failed, oldest window first.
#[derive(Debug, Default)]
pub struct Fetched {
    pub verdicts: Vec<Verdict>,
    pub failure: Option<(Window, IngestError)>,
}

impl Source {
    /// What the providers offer of the series, natively or by derivation; `None` if nothing.
    pub fn of(
        providers: &Providers,
        series: &Series,
        config: &IngestConfig,
        (books, lake, clock): (&Arc<Books>, &Lake, &Arc<dyn Clock>),
    ) -> Option<Self> {
        let provider = providers.get(&series.provider)?;
        Some(match provider.offers(series)? {
            Origin::Native => Self::Provider {
                provider: provider.clone(),
                pages_in_flight: config.pages_in_flight,
                policy: Policy::of_provider(config),
            },
            Origin::Derived { from } => Self::Derived(Derivation {
                children: Series { timeframe: from, ..series.clone() },
                books: books.clone(),
                lake: lake.clone(),
                clock: clock.clone(),
            }),
        })
    }

    /// What it takes to believe that a candle does not exist.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Provider { policy, .. } => *policy,
            // Complete children leave no doubt.
            Self::Derived(_) => Policy {
                can_confirm: true,
                confirmations: 1,
                empty_confirmations: 1,
                reask_after: chrono::TimeDelta::zero(),
            },
        }
    }

    /// Candles that one question is sure to get.
    pub fn page_candles(&self, series: &Series) -> i64 {
        match self {
            Self::Provider { provider, .. } => provider.page_candles(series),
            Self::Derived(_) => 1_000,
        }
    }

    /// Where a piece of history of about `candles` candles that begins at `start` should end.
    pub fn piece_end(&self, series: &Series, start: DateTime<Utc>, candles: i64) -> DateTime<Utc> {
        let end = Window::of_candles(start, series.timeframe, candles).end;
        match self {
            Self::Provider { provider, .. } => provider.piece_end(series, start, end),
            Self::Derived(_) => end,
        }
    }

    /// The requests that bring the candles of `wanted`.
    pub fn pages(&self, series: &Series, wanted: &[Window]) -> Vec<Window> {
        match self {
            Self::Provider { provider, .. } => provider.pages(series, wanted),
            Self::Derived(_) => Vec::new(),
        }
    }

    /// Asks for candles (aligned, disjoint windows, oldest first), several pages at a time; after
    /// `halt` for nothing more.
    pub async fn fetch(
        &self,
        book: &Book,
        wanted: &[Window],
        lane: Lane,
        halt: &CancellationToken,
    ) -> Fetched {
        match self {
            Self::Derived(derivation) => derive(derivation, book, wanted).await,
            Self::Provider { provider, pages_in_flight, .. } => {
                let pages = provider.pages(book.series(), wanted);
                let ask = |page| ask(provider.as_ref(), book, page, lane);
                let mut answers =
                    stream::iter(pages.into_iter().map(ask)).buffered(*pages_in_flight);
                let mut fetched = Fetched::default();
                loop {
                    let next = tokio::select! {
                        biased;
                        () = halt.cancelled() => break,
                        next = answers.next() => next,
                    };
                    let Some((page, answer)) = next else { break };
                    match answer {
                        Ok(verdict) => fetched.verdicts.push(verdict),
                        Err(error) => {
                            fetched.failure = Some((page, error));
                            break;
                        }
                    }
                }
                fetched
            }
        }
    }
}

async fn derive(derivation: &Derivation, book: &Book, wanted: &[Window]) -> Fetched {
    let mut fetched = Fetched::default();
    for window in wanted {
        match derivation.fetch(book, *window).await {
            Ok(verdicts) => fetched.verdicts.extend(verdicts),
            Err(error) => {
                fetched.failure = Some((*window, error));
                break;
            }
        }
    }
    fetched
}

async fn ask(
    provider: &dyn Provider,
    book: &Book,
    page: Window,
    lane: Lane,
) -> (Window, Result<Verdict, IngestError>) {
    let answer = provider.fetch(book.series(), page, lane).await;
    let settle = provider.settle(book.series());
    (page, answer.map(|raw| validate(raw, book.calendar(), settle)).map_err(IngestError::from))
}
