//! News, seen from one asset.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// What one article says of one asset; an article that mentions two assets makes two mentions.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    pub published_at: DateTime<Utc>,
    pub title: String,
    pub url: String,
    /// Who published it, like `Reuters`.
    pub source: String,
    /// How much the article is about the asset: above 0, at most 1.
    pub relevance: f64,
    /// From -1, bad for the asset, to 1.
    pub sentiment: f64,
    /// The provider's word for the sentiment, like `Somewhat-Bullish`.
    pub label: String,
    pub topics: Vec<String>,
}

impl Mention {
    /// The same for every mention in one article: 32 hexadecimal digits, a hash of its address.
    pub fn article_id(&self) -> String {
        let hash = Sha256::digest(self.url.as_bytes());
        hash[..16].iter().fold(String::with_capacity(32), |mut digits, byte| {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }
}
