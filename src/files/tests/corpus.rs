//! Recorded files of other people, read whole. They are not part of the source tree.

use super::*;

/// File, series, rows, first and last open time, volume of the first row.
type Known = (&'static str, &'static str, usize, [&'static str; 2], Option<f64>);

const KNOWN: [Known; 13] = [
    (
        "history/BTC_USD_H1_2020_2023.parquet",
        "file/BTCUSD/1h",
        35058,
        ["2020-01-01T00:00:00Z", "2023-12-31T23:00:00Z"],
        Some(250.849_811_95),
    ),
    (
        "history/BTC_USD_M1_4320.parquet",
        "file/BTCUSD/1m",
        4320,
        ["2026-02-10T21:48:00Z", "2026-02-13T21:59:00Z"],
        Some(66.0),
    ),
    (
        "history/BTC_USD_M5_5000.parquet",
        "file/BTCUSD/5m",
        5000,
        ["2026-01-21T13:20:00Z", "2026-02-13T21:55:00Z"],
        Some(254.0),
    ),
    (
        "history/EUR_USD_H1_2020_2023.parquet",
        "file/EURUSD/1h",
        24908,
        ["2020-01-01T22:00:00Z", "2023-12-29T21:00:00Z"],
        Some(65.0),
    ),
    (
        "history/EUR_USD_M15_2020_2023.parquet",
        "file/EURUSD/15m",
        99619,
        ["2020-01-01T22:00:00Z", "2023-12-29T21:45:00Z"],
        Some(16.0),
    ),
    (
        "history/EUR_USD_M5_2016.parquet",
        "file/EURUSD/5m",
        2015,
        ["2026-02-04T21:40:00Z", "2026-02-13T21:30:00Z"],
        Some(261.0),
    ),
    (
        "coinbase/cdd_Coinbase_BTCUSD_1h.csv",
        "file/BTCUSD/1h",
        20111,
        ["2019-10-17T09:00:00Z", "2017-07-01T11:00:00Z"],
        Some(61.25),
    ),
    (
        "coinbase/ardray_BTCUSD_1h_2024.csv",
        "file/BTCUSD/1h",
        6115,
        ["2023-12-31T23:00:00Z", "2024-09-11T17:00:00Z"],
        Some(626.738_892_24),
    ),
    (
        "coinbase/cdd_Coinbase_BTCUSD_d.csv",
        "file/BTCUSD/1d",
        1770,
        ["2019-10-17T00:00:00Z", "2014-12-01T00:00:00Z"],
        Some(1570.08),
    ),
    (
        "equity_fx/backtesting_EURUSD_1h.csv",
        "file/EURUSD/1h",
        5000,
        ["2017-04-19T09:00:00Z", "2018-02-07T15:00:00Z"],
        Some(1413.0),
    ),
    (
        "equity_fx/fxcm_gbpusd-m1-bid-2012.csv",
        "file/GBPUSD/1m",
        30117,
        ["2012-02-01T00:00:00Z", "2012-03-01T00:00:00Z"],
        None,
    ),
    (
        "crypto_other/binanceus_BTCUSD_1m_20230301_20230321.csv",
        "file/BTCUSD/1m",
        30240,
        ["2023-03-01T00:00:00Z", "2023-03-21T23:59:00Z"],
        Some(3.912_156),
    ),
    (
        "crypto_other/bitstamp_BTCUSD_5m_2011.csv",
        "file/BTCUSD/5m",
        39017,
        ["2011-08-18T12:35:00Z", "2011-12-31T23:55:00Z"],
        Some(0.489_908_26),
    ),
];

#[test]
fn the_recorded_files_read_whole() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus"));
    if !corpus.exists() {
        println!("skipped: the corpus is not here");
        return;
    }
    for (file, series, rows, [first, last], volume) in KNOWN {
        let request = request(corpus.join(file), series, "");
        let timeframe = request.series.timeframe;
        let mut candles = Candles::default();
        for piece in read(&request, 1_000).unwrap() {
            let piece = piece.unwrap();
            assert_eq!(piece.unreadable, [], "{file}");
            assert!(piece.rows.len() <= 1_000 && !piece.raw.row(piece.rows[0]).is_empty());
            let is_inside = |at| piece.window.contains(at) && timeframe.is_open_time(at);
            assert!(piece.candles.iter().all(|candle| is_inside(candle.open_time)), "{file}");
            candles.extend(&piece.candles);
        }
        assert_eq!(candles.len(), rows, "{file}");
        assert_eq!(candles.open_time_at(0), instant(first), "{file}");
        assert_eq!(candles.open_time_at(rows - 1), instant(last), "{file}");
        assert_eq!(candles.volume[0], volume, "{file}");
    }
}
