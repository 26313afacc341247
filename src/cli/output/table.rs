//! One table for everything: without lines, so that it can be read by eyes and by `awk`.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::Value;

use super::{
    Look,
    column::{Column, Form},
    form::shown,
};

/// One line per item, below the titles.
pub(in crate::cli) fn table(columns: &[Column], items: &[Value], look: Look) -> String {
    let mut table = bare();
    table.set_header(columns.iter().map(|column| Cell::new(column.title.to_uppercase())));
    for item in items {
        table.add_row(columns.iter().map(|column| cell(*column, item, look)));
    }
    for (shape, column) in table.column_iter_mut().zip(columns) {
        if matches!(column.form, Form::Count | Form::Share) {
            shape.set_cell_alignment(CellAlignment::Right);
        }
    }
    finished(table)
}

/// Columns of any name, and whether they are numbers; an object per row.
pub(in crate::cli) fn grid(columns: &[(&str, bool)], rows: &[Value]) -> String {
    let mut table = bare();
    table.set_header(columns.iter().map(|(name, _)| Cell::new(name)));
    for row in rows {
        table.add_row(columns.iter().map(|(name, _)| shown(row.get(*name), Form::Text)));
    }
    for (shape, (_, is_number)) in table.column_iter_mut().zip(columns) {
        if *is_number {
            shape.set_cell_alignment(CellAlignment::Right);
        }
    }
    finished(table)
}

/// One thing, a line per column.
pub(in crate::cli) fn details(columns: &[Column], item: &Value, look: Look) -> String {
    let mut table = bare();
    for column in columns {
        table.add_row([Cell::new(column.title), cell(*column, item, look)]);
    }
    finished(table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    coloured(&table.trim_fmt())
}

fn cell(column: Column, item: &Value, look: Look) -> Cell {
    let text = shown(item.pointer(column.at), column.form);
    match mark(&text).filter(|_| look.has_colour && column.form == Form::Word) {
        Some(mark) => Cell::new(format!("{mark}{text}{END}")),
        None => Cell::new(text),
    }
}

/// What is coloured is marked with characters without a width, so that the columns stay even.
const GOOD: char = '\u{2061}';
const BAD: char = '\u{2062}';
const ODD: char = '\u{2063}';
const END: char = '\u{2064}';

/// With colours in the place of marks.
fn coloured(table: &str) -> String {
    [(GOOD, "\u{1b}[32m"), (BAD, "\u{1b}[31m"), (ODD, "\u{1b}[33m"), (END, "\u{1b}[0m")]
        .iter()
        .fold(table.to_owned(), |text, (mark, code)| text.replace(*mark, code))
}

/// Good, bad, and worth a look.
fn mark(word: &str) -> Option<char> {
    match word {
        "fresh" | "completed" | "done" | "landed" | "replayed" | "yes" => Some(GOOD),
        "stale" | "failed" | "completed_with_errors" | "no" => Some(BAD),
        "unknown" | "paused" | "pausing" | "cancelling" | "cancelled" | "open" => Some(ODD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::column::{count, instant, list, text, word},
        *,
    };

    const COLUMNS: [Column; 5] = [
        text("series", "/series"),
        word("verdict", "/verdict"),
        count("lag", "/lag"),
        instant("last candle", "/last"),
        list("sizes", "/sizes"),
    ];

    fn items() -> [Value; 2] {
        [
            json!({
                "series": "coinbase/BTCUSD/1m", "verdict": "fresh", "lag": 0,
                "last": "2024-03-06T11:59:00Z", "sizes": [1, 2], "more": { "than": "expected" },
            }),
            json!({ "series": "oanda/EURUSD/1d", "verdict": "stale", "lag": 12_345, "last": null }),
        ]
    }

    #[test]
    fn a_table_has_a_line_per_item_and_nothing_at_the_ends_of_lines() {
        let expected = "\
SERIES              VERDICT     LAG  LAST CANDLE           SIZES
coinbase/BTCUSD/1m  fresh         0  2024-03-06T11:59:00Z  1, 2
oanda/EURUSD/1d     stale    12,345  –                     –";
        assert_eq!(table(&COLUMNS, &items(), Look::PLAIN), expected);
    }

    #[test]
    fn a_grid_has_the_names_it_is_given_and_numbers_at_the_right() {
        let rows = [json!({ "asset": "BTCUSD", "n": 5 }), json!({ "asset": null, "n": 12_345 })];
        let expected = "\
asset       n
BTCUSD      5
–       12345";
        assert_eq!(grid(&[("asset", false), ("n", true)], &rows), expected);
        assert_eq!(grid(&[("asset", false), ("n", true)], &[]), "asset  n");
    }

    #[test]
    fn details_have_a_line_per_column() {
        let expected = "\
series       oanda/EURUSD/1d
verdict      stale
lag          12,345
last candle  –
sizes        –";
        assert_eq!(details(&COLUMNS, &items()[1], Look::PLAIN), expected);
    }

    #[test]
    fn colour_is_for_words_and_for_whoever_wants_it() {
        let plain = table(&COLUMNS, &items(), Look::PLAIN);
        let lively = table(&COLUMNS, &items(), Look { has_colour: true });
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let green = lively.replace("\u{1b}[32mfresh\u{1b}[0m", "fresh");
        assert_ne!(green, lively);
        assert_eq!(green.replace("\u{1b}[31mstale\u{1b}[0m", "stale"), plain, "the same widths");
    }
}
