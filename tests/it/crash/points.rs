//! A death at each named point of the write path.

use std::{
    collections::BTreeSet, fs, os::unix::process::ExitStatusExt, path::Path, time::Duration,
    time::Instant,
};

use barkeep::simulate::FaultPlan;

use super::{
    backfills, letters,
    stage::{FAULTS, Stage, seconds_since},
    upkeep,
};
use crate::tables;

/// The names and what must go wrong at the exchange for the daemon to come by.
const POINTS: [(&str, &[&str]); 6] = [
    ("files_written", &FAULTS),
    ("committed", &FAULTS),
    ("recorded", &FAULTS),
    ("compaction_written", &FAULTS),
    ("compaction_committed", &FAULTS),
    ("dead_letters_kept", &["bad_row=0.5"]),
];
/// The process dies when it passes for the first, second and fifth time.
const COUNTS: [u32; 3] = [1, 2, 5];
const SIGABRT: i32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_t50_a_kill_at_every_named_point_of_the_write_path_loses_and_doubles_nothing() {
    let began = Instant::now();
    let mut stage = Stage::open(1, "2d").await;
    stage.set("LAKE__COMPACT_AFTER", "2");
    for (round, count) in COUNTS.into_iter().enumerate() {
        for (turn, (point, faults)) in POINTS.into_iter().enumerate() {
            // A longer history each time, so that there are enough commits to die in.
            let hours = 48 + 5 * (round * POINTS.len() + turn);
            stage.set("INGEST__HISTORY", &format!("{hours}h"));
            stage.exchange.set_fault_plan(&FaultPlan::from_pairs(faults.iter().copied()).unwrap());
            let mut daemon = stage.spawn_doomed(point, count);
            let status = daemon.ended(Duration::from_secs(30)).await;
            assert_eq!(status.signal(), Some(SIGABRT), "{point}:{count} was not what ended it");
        }
    }
    stage.exchange.set_fault_plan(&FaultPlan::from_pairs(FAULTS).unwrap());
    let audit = stage.examine().await;
    println!("{} deaths, {audit:?}, {:.0} s", POINTS.len() * COUNTS.len(), seconds_since(began));
    assert!(audit.agree > 15_000, "{audit:?}");
}

#[test]
fn the_table_of_points_is_complete() {
    let mut named = BTreeSet::new();
    points_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
    let of_candles = POINTS.iter().map(|(point, _)| *point);
    let tested: BTreeSet<String> = of_candles
        .chain(backfills::POINTS)
        .chain(letters::POINTS)
        .chain(upkeep::POINTS)
        .chain(tables::crash::POINTS)
        .map(str::to_owned)
        .collect();
    assert_eq!(named, tested);
}

fn points_below(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            points_below(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("crash::point(\"").skip(1);
            into.extend(names.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
}
