//! What a record calls an asset, in Barkeep's own spelling.

use crate::market::{InstrumentId, ParseError};

/// What is delivered by the futures of Coinbase Derivatives, by how their names begin.
const CONTRACTS: [(&str, &str); 7] = [
    ("BIP", "BTCUSD"),
    ("BIT", "BTCUSD"),
    ("ETP", "ETHUSD"),
    ("ET", "ETHUSD"),
    ("SLP", "SOLUSD"),
    ("GOL", "XAUUSD"),
    ("SLR", "XAGUSD"),
];

/// `BTC-USD`, `EUR_USD` and `btcusd` as they are meant; a future, like `BIP-20DEC30-CDE`, as what it is
/// the future of. Fails on a future of something unknown, and on what is no name of an asset.
pub fn asset_of(given: &str) -> Result<InstrumentId, ParseError> {
    let asset: InstrumentId = given.parse()?;
    let Some(contract) = contract(asset.as_str()) else { return Ok(asset) };
    let known = CONTRACTS.iter().find(|(prefix, _)| *prefix == contract);
    let (_, underlying) = known.ok_or_else(|| ParseError {
        what: "future",
        given: given.to_owned(),
        fix: "write the asset that it is the future of, like BTCUSD",
    })?;
    underlying.parse()
}

/// Letters of day, month and year.
const EXPIRY: usize = 7;

/// How the name of a future begins: what is before day, month, year and `CDE`.
fn contract(name: &str) -> Option<&str> {
    let before = name.strip_suffix("CDE")?;
    let (contract, expiry) = before.split_at_checked(before.len().checked_sub(EXPIRY)?)?;
    let (day, month, year) = (expiry.get(..2)?, expiry.get(2..5)?, expiry.get(5..)?);
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let is_word = month.bytes().all(|letter| letter.is_ascii_alphabetic());
    (!contract.is_empty() && is_number(day) && is_word && is_number(year)).then_some(contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_is_of_its_asset_and_other_names_are_themselves() {
        for (given, expected) in [
            ("BIP-20DEC30-CDE", "BTCUSD"),
            ("BIP20DEC30CDE", "BTCUSD"),
            ("et-31jan25-cde", "ETHUSD"),
            ("SLR-27FEB26-CDE", "XAGUSD"),
            ("ETH-USD", "ETHUSD"),
            ("EUR_USD", "EURUSD"),
            ("CDE", "CDE"),
            ("ABCDE", "ABCDE"),
        ] {
            assert_eq!(asset_of(given).unwrap().as_str(), expected, "{given}");
        }
        for bad in ["", "BTC USD", "XYZ-20DEC30-CDE"] {
            assert!(asset_of(bad).is_err(), "{bad:?}");
        }
    }
}
