//! What is traded, in Barkeep's own spelling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ParseError;

/// `BTCUSD`, `EURUSD`, `AAPL`: upper case, letters and digits only.
///
/// Input may also be written `BTC-USD`, `BTC/USD` or `EUR_USD`; the separators are dropped. A
/// provider's spelling is translated inside `providers/` and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstrumentId(String);

/// How an instrument trades, which decides its calendar and thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetClass {
    Crypto,
    Fx,
    Equity,
}

impl AssetClass {
    pub const ALL: [Self; 3] = [Self::Crypto, Self::Fx, Self::Equity];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crypto => "crypto",
            Self::Fx => "fx",
            Self::Equity => "equity",
        }
    }
}

const CURRENCIES: [&str; 19] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "CNY", "CNH", "HKD", "SGD", "SEK",
    "NOK", "DKK", "PLN", "MXN", "ZAR", "TRY",
];
/// Metals quoted like currencies, with the same week.
const METALS: [&str; 4] = ["XAU", "XAG", "XPT", "XPD"];
const STABLE_COINS: [&str; 4] = ["USDC", "USDT", "DAI", "PYUSD"];
const COINS: [&str; 3] = ["BTC", "ETH", "SOL"];

impl InstrumentId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Base and quote where the name has both: `BTCUSD` is (`BTC`, `USD`).
    pub fn pair(&self) -> Option<(&str, &str)> {
        let quotes = STABLE_COINS.iter().chain(&CURRENCIES).chain(&COINS);
        quotes
            .filter_map(|quote| self.0.strip_suffix(quote).map(|base| (base, *quote)))
            .find(|(base, _)| base.len() >= 2)
            .map(|(base, quote)| (base, &self.0[self.0.len() - quote.len()..]))
    }

    /// Two currencies (or a metal and a currency) are FX, another pair is crypto, the rest equity.
    pub fn asset_class(&self) -> AssetClass {
        match self.pair() {
            Some((base, quote)) if CURRENCIES.contains(&quote) => {
                let is_fx = CURRENCIES.contains(&base) || METALS.contains(&base);
                if is_fx { AssetClass::Fx } else { AssetClass::Crypto }
            }
            Some(_) => AssetClass::Crypto,
            None => AssetClass::Equity,
        }
    }
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InstrumentId {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let name: String = given
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | '/'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric());
        if is_plain && (1..=20).contains(&name.len()) {
            return Ok(Self(name));
        }
        Err(ParseError {
            what: "asset",
            given: given.to_owned(),
            fix: "use 1 to 20 letters and digits, like BTCUSD, BTC-USD or AAPL",
        })
    }
}

impl TryFrom<String> for InstrumentId {
    type Error = ParseError;

    fn try_from(given: String) -> Result<Self, ParseError> {
        given.parse()
    }
}

impl From<InstrumentId> for String {
    fn from(id: InstrumentId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_customary_spelling_is_one_instrument() {
        for spelling in ["BTCUSD", "btc-usd", "BTC/USD", "BTC_USD"] {
            assert_eq!(spelling.parse::<InstrumentId>().unwrap().as_str(), "BTCUSD");
        }
        for bad in ["", "-", "BTC USD", "a-name-that-is-far-too-long", "ÄÖÜ"] {
            assert!(bad.parse::<InstrumentId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn class_and_pair_follow_from_the_name() {
        let cases = [
            ("BTCUSD", Some(("BTC", "USD")), AssetClass::Crypto),
            ("ETHBTC", Some(("ETH", "BTC")), AssetClass::Crypto),
            ("BTCUSDC", Some(("BTC", "USDC")), AssetClass::Crypto),
            ("EURUSD", Some(("EUR", "USD")), AssetClass::Fx),
            ("XAUUSD", Some(("XAU", "USD")), AssetClass::Fx),
            ("AAPL", None, AssetClass::Equity),
        ];
        for (name, pair, class) in cases {
            let id: InstrumentId = name.parse().unwrap();
            assert_eq!((id.pair(), id.asset_class()), (pair, class), "{name}");
        }
    }
}
