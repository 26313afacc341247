//! The side that is files: all of them are read, and no row is passed over, before anything is compared.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use chrono::DateTime;

use crate::{
    cli::refusal::unfit,
    files::{self, ColumnMap, FileRequest, Shelf},
    market::Series,
};

/// Rows that are read at a time.
const PIECE: usize = 50_000;
/// Rows that cannot be read of which the place is told.
const TOLD: usize = 5;

/// Every candle of a file, or of the files of a folder, read as candles of `series`.
pub(super) fn shelf(path: &Path, series: &Series, map: &ColumnMap) -> anyhow::Result<Shelf> {
    let mut shelf = Shelf::new(series.timeframe).context("there is no room for candles")?;
    let mut bad = Bad::default();
    for path in files_of(path)? {
        let request = FileRequest {
            path: path.clone(),
            series: series.clone(),
            map: map.clone(),
            // What is only compared is never told when it was known.
            received_at: DateTime::UNIX_EPOCH,
        };
        for piece in files::read(&request, PIECE)? {
            let piece = piece?;
            for (_, reason) in &piece.unreadable {
                bad.add(&path, reason);
            }
            shelf.add(&piece.candles).context("candles cannot be put aside")?;
        }
    }
    bad.refused().map(|()| shelf)
}

/// A file that is named is taken whatever it is called; of a folder all but what is hidden or begins
/// with an underscore, as systems name the files that they keep for themselves.
fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.exists() {
        let what = format!("{} is neither a series nor a path", path.display());
        let fix = "write a series like coinbase/BTCUSD/1m or coinbase/BTCUSD/1m@12, or the path of \
                   a file or a folder";
        return Err(unfit(what, fix));
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    below(path, &mut files).with_context(|| format!("{} cannot be read", path.display()))?;
    if files.is_empty() {
        return Err(unfit(
            format!("there is no file in {}", path.display()),
            "name another folder",
        ));
    }
    files.sort();
    Ok(files)
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Rows that cannot be read.
#[derive(Default)]
struct Bad {
    first: Vec<String>,
    rows: usize,
}

impl Bad {
    fn add(&mut self, path: &Path, reason: &str) {
        self.rows += 1;
        if self.first.len() < TOLD {
            self.first.push(format!("{}: {reason}", path.display()));
        }
    }

    /// A row that nobody can read may be any candle, so nothing could be said of the whole.
    fn refused(self) -> anyhow::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let more = self.rows - self.first.len();
        let mut what = self.first.join("\n");
        if more > 0 {
            what = format!("{what}\nand {more} more rows that cannot be read");
        }
        Err(unfit(what, "correct these rows or take them out, or name other columns with --map"))
    }
}
