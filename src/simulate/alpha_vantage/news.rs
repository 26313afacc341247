//! `NEWS_SENTIMENT`: articles that somebody might have written about what is traded.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{question::Query, words::Refusal};
use crate::{
    market::{AssetClass, InstrumentId},
    simulate::{Reply, price::hash},
};

/// About every second of such stretches of time has an article.
const SLOT: i64 = 1_200;
/// How far back articles are looked for when no `time_from` says it.
const REACH: TimeDelta = TimeDelta::days(30);
const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 1_000;

const TOPICS: [&str; 5] =
    ["technology", "financial_markets", "economy_macro", "blockchain", "earnings"];
const SOURCES: [&str; 3] = ["Simulated Wire", "Morning Bars", "The Candle"];

/// What was asked, understood.
struct Question<'a> {
    from: i64,
    to: i64,
    tickers: Vec<&'a str>,
    topics: Vec<&'a str>,
    order: Order,
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Latest,
    Earliest,
    Relevance,
}

impl<'a> Question<'a> {
    fn read(query: &'a Query, now: DateTime<Utc>) -> Result<Self, Refusal> {
        let time = |name: &str, default: DateTime<Utc>| match query.get(name) {
            "" => Ok(default.timestamp()),
            text => {
                let at = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M");
                at.map(|at| at.and_utc().timestamp()).map_err(|_| Refusal::InvalidNews)
            }
        };
        let to = time("time_to", now)?;
        let end = DateTime::from_timestamp(to, 0).unwrap_or(now);
        let list = |name: &str| query.get(name).split(',').filter(|one| !one.is_empty()).collect();
        Ok(Self {
            from: time("time_from", end - REACH)?,
            to: to.min(now.timestamp()),
            tickers: list("tickers"),
            topics: list("topics"),
            order: match query.get("sort") {
                "" | "LATEST" => Order::Latest,
                "EARLIEST" => Order::Earliest,
                "RELEVANCE" => Order::Relevance,
                _ => return Err(Refusal::InvalidNews),
            },
            limit: match query.get("limit") {
                "" => DEFAULT_LIMIT,
                text => text.parse().map_err(|_| Refusal::InvalidNews)?,
            }
            .min(MOST),
        })
    }
}

/// The newsroom of one market.
pub(super) struct Newsroom<'a> {
    pub(super) seed: u64,
    pub(super) instruments: Vec<&'a InstrumentId>,
}

impl Newsroom<'_> {
    /// Articles published within the asked bounds, to the minute, and none of the future.
    pub(super) fn answer(&self, query: &Query, now: DateTime<Utc>) -> Result<Reply, Refusal> {
        let question = Question::read(query, now)?;
        let Question { from, to, order, limit, .. } = question;
        let slots = from.div_euclid(SLOT)..=to.div_euclid(SLOT);
        let wanted = |slot: i64| self.article(slot).filter(|article| article.answers(&question));
        let articles: Vec<Article> = match order {
            Order::Earliest => slots.filter_map(wanted).take(limit).collect(),
            Order::Latest => slots.rev().filter_map(wanted).take(limit).collect(),
            Order::Relevance => {
                let mut all: Vec<_> = slots.rev().filter_map(wanted).collect();
                all.sort_by_key(|article| std::cmp::Reverse(article.relevance()));
                all.truncate(limit);
                all
            }
        };
        let body = json!({
            "items": articles.len().to_string(),
            "sentiment_score_definition": "x <= -0.35: Bearish; -0.35 < x <= -0.15: \
                Somewhat-Bearish; -0.15 < x < 0.15: Neutral; 0.15 <= x < 0.35: Somewhat_Bullish; \
                x >= 0.35: Bullish",
            "relevance_score_definition":
                "0 < x <= 1, with a higher score indicating higher relevance.",
            "feed": articles.iter().map(Article::json).collect::<Vec<_>>(),
        });
        Ok(Reply { content_type: "application/json", ..Reply::json(200, body.to_string()) })
    }

    fn article(&self, slot: i64) -> Option<Article> {
        let chance = hash(self.seed ^ NEWS, slot);
        if self.instruments.is_empty() || chance & 1 == 0 {
            return None;
        }
        let second = ((chance >> 1) % SLOT.unsigned_abs()).cast_signed();
        let mentions = 1 + (chance >> 16) % 3;
        let mut tickers: Vec<(String, u64)> = Vec::new();
        for number in 0..mentions {
            let chance = hash(chance, number.cast_signed());
            let count = self.instruments.len() as u64;
            let instrument = self.instruments[usize::try_from(chance % count).unwrap_or(0)];
            let ticker = ticker(instrument);
            if tickers.iter().all(|(known, _)| *known != ticker) {
                tickers.push((ticker, hash(chance, 1)));
            }
        }
        Some(Article { time: slot * SLOT + second, chance, tickers })
    }
}

/// Keeps the chances of news apart from those of prices.
const NEWS: u64 = 4 << 32;

/// Everything about an article follows from its chances.
struct Article {
    time: i64,
    chance: u64,
    tickers: Vec<(String, u64)>,
}

impl Article {
    fn topic(&self) -> &'static str {
        pick(&TOPICS, self.chance >> 24)
    }

    fn answers(&self, question: &Question<'_>) -> bool {
        let mentions =
            |asked: &&str| self.tickers.iter().any(|(ticker, _)| ticker.as_str() == *asked);
        (question.from..=question.to).contains(&self.time)
            && question.tickers.iter().all(mentions)
            && question.topics.iter().all(|topic| *topic == self.topic())
    }

    fn relevance(&self) -> u64 {
        self.chance >> 40
    }

    fn json(&self) -> Value {
        let at = DateTime::from_timestamp(self.time, 0).unwrap_or_default();
        let (first, source) = (&self.tickers[0].0, pick(&SOURCES, self.chance >> 32));
        let overall = score(self.chance >> 8);
        let tickers = self.tickers.iter().map(|(ticker, chance)| {
            json!({
                "ticker": ticker,
                "relevance_score": share(*chance),
                "ticker_sentiment_score": format!("{:.6}", score(chance >> 8)),
                "ticker_sentiment_label": label(score(chance >> 8)),
            })
        });
        json!({
            "title": format!("What {first} did at {}", at.format("%H:%M on %-d %B %Y")),
            "url": format!("https://news.example/{first}/{:016x}", self.chance),
            "time_published": at.format("%Y%m%dT%H%M%S").to_string(),
            "authors": [format!("Reporter {}", self.chance % 7)],
            "summary": format!("Prices of {first} moved, and somebody wrote about it."),
            "banner_image": Value::Null,
            "source": source,
            "category_within_source": "General",
            "source_domain": source,
            "topics": [{ "topic": self.topic(), "relevance_score": share(self.chance) }],
            // This one is a number, those of tickers are texts.
            "overall_sentiment_score": overall,
            "overall_sentiment_label": label(overall),
            "ticker_sentiment": tickers.collect::<Vec<_>>(),
        })
    }
}

/// `IBM`, `CRYPTO:BTC`, `FOREX:EUR`.
fn ticker(instrument: &InstrumentId) -> String {
    let base = instrument.pair().map_or(instrument.as_str(), |(base, _)| base);
    match instrument.asset_class() {
        AssetClass::Crypto => format!("CRYPTO:{base}"),
        AssetClass::Fx => format!("FOREX:{base}"),
        AssetClass::Equity => base.to_owned(),
    }
}

fn pick<T: Copy>(from: &[T], chance: u64) -> T {
    from[usize::try_from(chance % from.len() as u64).unwrap_or(0)]
}

/// Within -0.6 and 0.6, to six digits.
fn score(chance: u64) -> f64 {
    ((chance % 1_200_001) as f64 - 600_000.0) / 1_000_000.0
}

/// Above 0 and up to 1, as text.
fn share(chance: u64) -> String {
    format!("{:.6}", (1 + chance % 1_000_000) as f64 / 1_000_000.0)
}

fn label(score: f64) -> &'static str {
    match score {
        _ if score <= -0.35 => "Bearish",
        _ if score <= -0.15 => "Somewhat-Bearish",
        _ if score < 0.15 => "Neutral",
        _ if score < 0.35 => "Somewhat-Bullish",
        _ => "Bullish",
    }
}
