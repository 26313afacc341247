//! Whatever an entry of the Delta log says, it is read or refused.

use std::{fs, path::PathBuf};

use barkeep::market::Timeframe;

use super::{Mutations, rounds};
use crate::support::test_app::{TestApp, seconds};

#[tokio::test]
async fn no_entry_of_the_log_does_harm() {
    let app = TestApp::start().await;
    app.settle().await;
    for _ in 0..3 {
        app.clock.advance(seconds(60));
        app.poll("coinbase/BTCUSD/1m").await.unwrap();
    }
    let table = app.app.lake.candles(Timeframe::M1);
    let (newest, log) = (table.version(), PathBuf::from(table.place()).join("_delta_log"));
    let entry = |version: u64| log.join(format!("{version:020}.json"));
    let entries: Vec<_> = (0..=newest).map(|at| fs::read(entry(at)).unwrap()).collect();
    let truth = table.records_after(newest - 1).await.unwrap();
    let mut mutations = Mutations::of(&entries);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds(2_000) {
        fs::write(entry(newest), mutations.next()).unwrap();
        match table.records_after(newest - 1).await {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
        // Neither of them may panic.
        let _ = table.history(None, 2).await;
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
    fs::write(entry(newest), &entries[entries.len() - 1]).unwrap();
    assert_eq!(table.records_after(newest - 1).await.unwrap(), truth);
}
