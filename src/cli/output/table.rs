//! One table for everything: without lines, so that it can be read by eyes and by `awk`.

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use serde_json::Value;

use super::{
    Look,
    column::{Column, Form},
    form::shown,
};

/// One line per item, below the titles.
pub(in crate::cli) fn table(columns: &[Column], items: &[Value], look: Look) -> String {
    let mut table = bare(look);
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

/// One thing, a line per column.
pub(in crate::cli) fn details(columns: &[Column], item: &Value, look: Look) -> String {
    let mut table = bare(look);
    for column in columns {
        table.add_row([Cell::new(column.title), cell(*column, item, look)]);
    }
    finished(table)
}

fn bare(look: Look) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if look.is_terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
    }
    table
}

fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn cell(column: Column, item: &Value, look: Look) -> Cell {
    let text = shown(item.pointer(column.at), column.form);
    let colour = colour(&text).filter(|_| look.has_colour && column.form == Form::Word);
    let cell = Cell::new(text);
    match colour {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// Good, bad, and worth a look.
fn colour(word: &str) -> Option<Color> {
    match word {
        "fresh" | "completed" | "done" | "landed" | "replayed" | "yes" => Some(Color::Green),
        "stale" | "failed" | "completed_with_errors" | "no" => Some(Color::Red),
        "unknown" | "paused" | "pausing" | "cancelling" | "cancelled" | "open" => {
            Some(Color::Yellow)
        }
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
        insta::assert_snapshot!(table(&COLUMNS, &items(), Look::PLAIN), @"");
    }

    #[test]
    fn details_have_a_line_per_column() {
        insta::assert_snapshot!(details(&COLUMNS, &items()[1], Look::PLAIN), @"");
    }

    #[test]
    fn colour_is_for_words_and_for_whoever_wants_it() {
        let lively = Look { is_terminal: true, has_colour: true };
        let colours = |look| {
            let mut row = bare(look);
            row.enforce_styling().add_row([cell(COLUMNS[1], &items()[1], look)]);
            row.to_string().contains("\u{1b}[")
        };
        assert!(colours(lively));
        assert!(!colours(Look { has_colour: false, ..lively }));
        assert!(!table(&COLUMNS, &items(), Look::PLAIN).contains('\u{1b}'));
    }
}
