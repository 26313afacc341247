//! The functions through SQL.

use deltalake::{arrow::util::pretty::pretty_format_batches, datafusion::prelude::SessionContext};

use super::register;

async fn ask(sql: &str) -> Result<String, String> {
    let context = SessionContext::new();
    register(&context);
    let rows = context.sql(sql).await.map_err(|error| error.to_string())?;
    let batches = rows.collect().await.map_err(|error| error.to_string())?;
    Ok(pretty_format_batches(&batches).map_err(|error| error.to_string())?.to_string())
}

const CANDLES: &str = "(select value as t, value * 1.0 as close, value + 1.0 as high, value - 1.0 as low \
     from generate_series(1, 100)) as candles";

#[tokio::test]
async fn single_values_are_numbers_and_several_a_struct() {
    let sql = format!(
        "select t, sma(close, 3) over w as mean, macd(close, 12, 26, 9) over w as m, \
         (macd(close, 12, 26, 9) over w)['line'] as line, atr(high, low, close, 14) over w as atr, \
         (ichimoku(high, low, close, 9, 26, 52) over w)['is_price_above_cloud'] as above \
         from {CANDLES} window w as (order by t) order by t"
    );
    let said = ask(&sql).await.unwrap();
    let line = |t: &str| said.lines().find(|line| line.starts_with(&format!("| {t} "))).unwrap();
    assert!(line("2").contains("|      |"), "no mean of two: {}", line("2"));
    assert!(line("3").contains("| 2.0 "), "{}", line("3"));
    assert!(
        line("100").contains("{line: 7.0, signal: 7.0, histogram: 0.0} | 7.0 "),
        "{}",
        line("100")
    );
    assert!(line("100").contains("| 2.0 ") && line("100").contains("true"), "{}", line("100"));
}

#[tokio::test]
async fn partitions_do_not_see_one_another_and_order_is_what_is_said() {
    let sql = format!(
        "select part, t, sma(close, 2) over (partition by part order by t desc) as m from \
         (select *, t % 2 as part from {CANDLES} where t <= 6) order by part, t"
    );
    let said = ask(&sql).await.unwrap();
    let row = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(row("| 0    | 2 ").contains("| 3.0"), "{said}");
    assert!(row("| 0    | 6 ").contains("|     |"), "{said}");
    assert!(row("| 1    | 1 ").contains("| 2.0"), "{said}");
}

#[tokio::test]
async fn parameters_are_numbers_that_are_said() {
    for (call, why) in [
        ("sma(close, 0)", "n of sma must be a whole number from 1"),
        ("sma(close, 2.5)", "n of sma must be a whole number from 1"),
        ("sma(close, t)", "n of sma must be a whole number from 1"),
        ("rsi(close, null)", "n of rsi must be a whole number from 1"),
        ("macd(close, 12, 26, 100000)", "signal of macd must be a whole number"),
        ("bollinger(close, 20, -1)", "width of bollinger must be a number above 0"),
        ("sma(close)", "sma"),
        ("sma('a', 'b')", "sma"),
    ] {
        let sql = format!("select {call} over (order by t) from {CANDLES}");
        let said = ask(&sql).await.unwrap_err();
        assert!(said.contains(why), "{call}: {said}");
    }
}
