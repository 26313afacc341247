//! The meta data of an answer in JSON, which every function words and numbers in its own way.

use super::{function::Function, question::Question};

/// The name of the map of rows.
pub(super) fn key(Question { function, interval, .. }: &Question) -> String {
    match function {
        Function::EquityIntraday => format!("Time Series ({interval})"),
        Function::EquityDaily => "Time Series (Daily)".to_owned(),
        Function::FxIntraday => format!("Time Series FX ({interval})"),
        Function::FxDaily => "Time Series FX (Daily)".to_owned(),
        Function::CryptoIntraday => format!("Time Series Crypto ({interval})"),
        Function::CryptoDaily => "Time Series (Digital Currency Daily)".to_owned(),
    }
}

/// What stands before the rows, in the order in which the function numbers it. `newest` is the
/// stamp of the first row.
pub(super) fn about(question: &Question, newest: String) -> Vec<(&'static str, String)> {
    let Question { function, instrument, interval: length, is_full, .. } = question;
    let (base, quote) = instrument.pair().unwrap_or((instrument.as_str(), ""));
    let own = |text: &str| text.to_owned();
    let newest = ("Last Refreshed", newest);
    let size = ("Output Size", own(if *is_full { "Full size" } else { "Compact" }));
    let interval = ("Interval", length.clone());
    let information = |text: String| ("Information", text);
    let zone = |name| ("Time Zone", own(name));
    let symbol = ("Symbol", own(base));
    let pair = [("From Symbol", own(base)), ("To Symbol", own(quote))];
    let coin = [
        ("Digital Currency Code", own(base)),
        ("Digital Currency Name", own(base)),
        ("Market Code", own(quote)),
        ("Market Name", own(quote)),
    ];
    match function {
        Function::EquityIntraday => {
            let text = format!("Intraday ({length}) open, high, low, close prices and volume");
            vec![information(text), symbol, newest, interval, size, zone("US/Eastern")]
        }
        Function::EquityDaily => {
            let text = own("Daily Prices (open, high, low, close) and Volumes");
            vec![information(text), symbol, newest, size, zone("US/Eastern")]
        }
        Function::FxIntraday => {
            let [from, to] = pair;
            let text = format!("FX Intraday ({length}) Time Series");
            vec![information(text), from, to, newest, interval, size, zone("UTC")]
        }
        Function::FxDaily => {
            let [from, to] = pair;
            let text = own("Forex Daily Prices (open, high, low, close)");
            vec![information(text), from, to, size, newest, zone("UTC")]
        }
        Function::CryptoIntraday => {
            let text = format!("Crypto Intraday ({length}) Time Series");
            let mut about = vec![information(text)];
            about.extend(coin);
            about.extend([newest, interval, size, zone("UTC")]);
            about
        }
        Function::CryptoDaily => {
            let mut about = vec![information(own("Daily Prices and Volumes for Digital Currency"))];
            about.extend(coin);
            about.extend([newest, zone("UTC")]);
            about
        }
    }
}
