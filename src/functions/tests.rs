//! The functions through SQL.

use deltalake::{
    arrow::{
        array::{ArrayRef, AsArray},
        compute::cast,
        datatypes::{DataType, Float64Type},
        util::pretty::pretty_format_batches,
    },
    datafusion::prelude::{SessionConfig, SessionContext},
};

use super::register;
use crate::measures::drawdown;

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

/// Two groups, whose rows come in parts and not in order.
const EQUITY: &str = "(select value as t, value % 2 as part, 100.0 - 10 * ((value / 2) % 3) as equity, \
     ((value / 2) % 3) - 1.0 as pnl, value % 4 = 0 as won \
     from generate_series(40, 1, -1) order by value * 7919 % 41) as trades";

#[tokio::test]
async fn measures_are_those_of_each_group() {
    let sql = format!(
        "select part, max_drawdown(equity order by t) as deep, drawdown_length(equity order by t) as long, \
         profit_factor(pnl) as factor, round(expectancy(pnl) * 20) as sum, \
         round(brier(75, won) * 100, 6) as brier, round(sharpe(pnl, 4), 6) as sharpe \
         from {EQUITY} group by part order by part"
    );
    let said = ask(&sql).await.unwrap();
    // Part 0 has values 2 to 40: equity 90, 80, 100, …; part 1 has values 1 to 39: 100, 90, 80, …
    let row = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(
        row("| 0 ").starts_with("| 0    | 0.2") && row("| 1 ").starts_with("| 1    | 0.2"),
        "{said}"
    );
    assert!(row("| 0 ").contains("| 2    |") && row("| 1 ").contains("| 2    |"), "{said}");
    assert!(said.contains("brier"), "{said}");
}

#[tokio::test]
async fn a_measure_is_the_same_however_the_table_is_split() {
    let measures = "max_drawdown(e order by t) as a, drawdown_length(e order by t) as b, \
                    sharpe(r, 365) as c, sortino(r, 365) as d, profit_factor(r) as e, expectancy(r) as f, \
                    brier(c, w) as g";
    let rows = "select value as t, 100 + sin(value) * 20 as e, cos(value * value) as r, \
                abs(sin(value)) * 100 as c, cos(value) > 0 as w from generate_series(1, 5000)";
    let mut found = Vec::new();
    for partitions in [1, 8] {
        let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(64);
        let context = SessionContext::new_with_config(config);
        register(&context);
        let sql = format!("select {measures} from ({rows})");
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let of = |column: &ArrayRef| {
            cast(column, &DataType::Float64).unwrap().as_primitive::<Float64Type>().value(0)
        };
        found.push(batches[0].columns().iter().map(of).collect::<Vec<_>>());
    }
    for (one, parted) in found[0].iter().zip(&found[1]) {
        assert!((one - parted).abs() <= one.abs() * 1e-9, "{found:?}");
    }
    let equity = (1..=5000).map(|t| 100.0 + f64::from(t).sin() * 20.0);
    let fall = drawdown(equity).unwrap();
    assert_eq!((found[1][0], found[1][1]), (fall.deepest, fall.longest as f64));
}

#[tokio::test]
async fn measures_of_nothing_are_null_and_wrong_calls_are_told_why() {
    let nothing = "select sharpe(pnl, 365) is null and max_drawdown(equity order by t) is null \
                   and profit_factor(pnl) is null and brier(pnl, won) is null as all_null";
    let said = ask(&format!("{nothing} from {EQUITY} where t > 99")).await.unwrap();
    assert!(said.contains("true"), "{said}");
    for (call, why) in [
        ("sharpe(pnl, 0)", "periods_per_year of sharpe must be a number above 0"),
        ("sortino(pnl, t)", "periods_per_year of sortino must be a number above 0"),
        ("max_drawdown(equity)", "max_drawdown(equity order by timestamp)"),
        ("expectancy(distinct pnl), brier(distinct pnl, won)", "expectancy counts every row"),
    ] {
        let said = ask(&format!("select {call} from {EQUITY}")).await.unwrap_err();
        assert!(said.contains(why), "{call}: {said}");
    }
}

#[tokio::test]
async fn what_was_known_is_carried_on_in_the_order_that_is_said() {
    let sql = "select part, t, carry(x) over (partition by part order by t) as kept from \
         (values (1, 1, null), (1, 2, 'a'), (1, 4, null), (1, 3, 'b'), (2, 1, null)) \
         as rows (part, t, x) order by part, t";
    let said = ask(sql).await.unwrap();
    let kept: Vec<&str> =
        said.lines().filter_map(|line| line.split('|').nth(3)).map(str::trim).collect();
    assert_eq!(kept, ["kept", "", "a", "b", "b", ""], "{said}");
}
