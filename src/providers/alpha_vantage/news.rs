//! `NEWS_SENTIMENT`: articles, and what each says of the assets it mentions.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{ProviderError, object::object},
    refusal::refusal,
};
use crate::market::{AssetClass, InstrumentId, Mention, Provenance, RawItems, Window};

/// The most articles that one answer holds.
const MOST: usize = 1_000;

/// The query without the key. Times have no seconds, so that the window becomes a little larger.
pub(super) fn question(asset: &InstrumentId, window: Window) -> Vec<(&'static str, String)> {
    let minute = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M").to_string();
    vec![
        ("function", "NEWS_SENTIMENT".to_owned()),
        ("tickers", ticker(asset)),
        ("time_from", minute(window.start)),
        ("time_to", minute(window.end + TimeDelta::seconds(59))),
        ("sort", "EARLIEST".to_owned()),
        ("limit", MOST.to_string()),
    ]
}

/// Of a pair it is the first half that articles are about.
fn ticker(asset: &InstrumentId) -> String {
    let base = asset.pair().map_or(asset.as_str(), |(base, _)| base);
    match asset.asset_class() {
        AssetClass::Equity => asset.as_str().to_owned(),
        AssetClass::Fx => format!("FOREX:{base}"),
        AssetClass::Crypto => format!("CRYPTO:{base}"),
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    feed: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Article<'a> {
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    time_published: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(default)]
    topics: Vec<Topic>,
    #[serde(borrow)]
    ticker_sentiment: Vec<Sentiment<'a>>,
}

#[derive(Deserialize)]
struct Topic {
    topic: String,
}

/// Scores are texts here, and numbers elsewhere in the same answer.
#[derive(Deserialize)]
struct Sentiment<'a> {
    #[serde(borrow)]
    ticker: Cow<'a, str>,
    #[serde(borrow)]
    relevance_score: &'a RawValue,
    #[serde(borrow)]
    ticker_sentiment_score: &'a RawValue,
    #[serde(borrow, default)]
    ticker_sentiment_label: Cow<'a, str>,
}

/// What the articles say of `asset`. One that does not mention it after all says nothing.
pub(super) fn read(
    asset: &InstrumentId,
    provenance: Provenance,
    body: &Bytes,
) -> Result<RawItems<Mention>, ProviderError> {
    let malformed =
        |detail: &str| ProviderError::Malformed { detail: detail.to_owned(), body: body.clone() };
    let Ok(answer) = object::<Answer<'_>>(body) else {
        let refused = refusal(body, asset.as_str(), provenance.extracted_at);
        return Err(refused.unwrap_or_else(|| malformed("no feed of articles")));
    };
    let ticker = ticker(asset);
    let (mut items, mut unreadable, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for raw in &answer.feed {
        let bytes = body.slice_ref(raw.get().as_bytes());
        match article(raw, &ticker) {
            Ok((published_at, mention)) => {
                times.push(published_at);
                items.extend(mention.map(|mention| (mention, bytes)));
            }
            Err(reason) => unreadable.push((bytes, reason)),
        }
    }
    let is_full = answer.feed.len() >= MOST;
    // The newest ones first would mean that those left out are old, and nobody would ask for them.
    if is_full && !times.is_sorted() {
        return Err(malformed("a full answer does not begin with the earliest article"));
    }
    let more_from = times.last().copied().filter(|_| is_full);
    Ok(RawItems { provenance, items, unreadable, more_from })
}

fn article(raw: &RawValue, ticker: &str) -> Result<(DateTime<Utc>, Option<Mention>), String> {
    let article: Article<'_> =
        serde_json::from_str(raw.get()).map_err(|error| format!("no article: {error}"))?;
    let published_at = instant(&article.time_published)?;
    let of_asset = article.ticker_sentiment.iter().find(|one| one.ticker == ticker);
    let mention = of_asset.map(|sentiment| {
        Ok(Mention {
            published_at,
            title: article.title.into_owned(),
            url: article.url.into_owned(),
            source: article.source.into_owned(),
            relevance: number("relevance_score", sentiment.relevance_score)?,
            sentiment: number("ticker_sentiment_score", sentiment.ticker_sentiment_score)?,
            label: sentiment.ticker_sentiment_label.clone().into_owned(),
            topics: article.topics.into_iter().map(|one| one.topic).collect(),
        })
    });
    mention.transpose().map(|mention| (published_at, mention))
}

/// UTC, although nothing says so.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let at = read("%Y%m%dT%H%M%S").or_else(|| read("%Y%m%dT%H%M"));
    at.map(|at| at.and_utc()).ok_or_else(|| format!("time_published {text:?} is no time"))
}

fn number(name: &str, raw: &RawValue) -> Result<f64, String> {
    let text = raw.get().trim_matches('"');
    text.parse().map_err(|_| format!("{name} {text:?} is no number"))
}

#[cfg(test)]
mod tests;
