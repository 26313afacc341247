//! What stays and what goes: versions, their files, and files of nobody.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::{age, assert_clean, bench, data_files, keep, minutes, path_at, table};

#[tokio::test]
async fn what_is_young_stays_however_often_the_lake_is_maintained() {
    let app = bench().await;
    table(&app).hold_up_compaction(true);
    let start = app.now();
    let moments = minutes(&app, start, 30).await;
    let before = data_files(&app).len();
    for _ in 0..3 {
        let done = keep(&app).await;
        assert_eq!((done.removed.files, done.entries_removed, done.oldest_version), (0, 0, 0));
        assert_eq!(done.before.files, before as u64);
    }
    for then in &moments {
        let answer = app.get(&path_at(start, then.version)).await.ok();
        assert_eq!(answer["candles"], then.candles, "version {}", then.version);
    }
    assert_clean(&app).await;
}

#[tokio::test]
async fn t48_versions_in_the_log_stay_readable_and_others_are_gone() {
    let app = bench().await;
    let start = app.now();
    let mut moments = minutes(&app, start, 40).await;
    age(&app, 8);
    moments.extend(minutes(&app, start, 20).await);
    let newest = table(&app).version();

    let first = keep(&app).await;
    assert!(first.entries_removed >= 20, "{first:?}");
    assert_eq!(
        first.removed.files, 0,
        "versions that refer to them were there until now: {first:?}"
    );
    let oldest = first.oldest_version;
    assert!((20..newest - 20).contains(&oldest), "{first:?}, newest {newest}");

    let second = keep(&app).await;
    assert!(second.removed.files > 20 && second.removed.bytes > 0, "{second:?}");
    assert_eq!((second.entries_removed, second.oldest_version), (0, oldest));
    assert_eq!(keep(&app).await.removed.files, 0, "there is no more");

    // Nothing of it is remembered but on the disk.
    let app = app.restart().await;
    let mut gone = 0;
    for then in &moments {
        let path = path_at(start, then.version);
        if then.version < oldest {
            let problem = app.get(&path).await.problem_of(&path, 410);
            assert_eq!(problem["code"], "version_gone");
            gone += 1;
        } else {
            let answer = app.get(&path).await.ok();
            assert_eq!(answer["candles"], then.candles, "version {}", then.version);
        }
    }
    assert!(gone > 10 && gone < moments.len(), "{gone}");
    minutes(&app, start, 3).await;
    assert_clean(&app).await;
}

/// As a crash leaves it in the middle of a removal, or a stranger who knows no better.
#[tokio::test]
async fn t48_a_version_below_a_hole_in_the_log_is_gone_and_not_a_failure() {
    let app = bench().await;
    let start = app.now();
    let moments = minutes(&app, start, 30).await;
    let log = PathBuf::from(table(&app).place()).join("_delta_log");
    for version in [0, 1, 12] {
        fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    let oldest = table(&app).oldest_version().await.unwrap();
    assert_eq!(oldest, 19, "the first checkpoint above the hole");
    for then in &moments {
        let path = path_at(start, then.version);
        if then.version < oldest {
            // What can be rebuilt may be answered; the rest is said to be gone.
            let answer = app.get(&path).await;
            assert!([200, 410].contains(&answer.status.as_u16()), "{}", answer.text());
        } else {
            assert_eq!(app.get(&path).await.ok()["candles"], then.candles);
        }
    }
    let path = path_at(start, 14);
    assert_eq!(app.get(&path).await.problem_of(&path, 410)["code"], "version_gone");
    keep(&app).await;
    assert_clean(&app).await;
}

#[tokio::test]
async fn files_of_nobody_go_when_they_are_old_and_those_just_written_stay() {
    let app = bench().await;
    table(&app).hold_up_compaction(true);
    let folder = PathBuf::from(table(&app).place()).join("date=2024-03-01");
    let orphan = |name: &str| fs::write(folder.join(name), vec![7; 1_000]).unwrap();
    orphan("part-00000-left-by-a-crash.parquet");
    fs::write(
        PathBuf::from(table(&app).place()).join("date=2024-03-01/deletion_vector_1.bin"),
        b"x",
    )
    .unwrap();
    fs::write(PathBuf::from(table(&app).place()).join("notes.parquet"), b"x").unwrap();
    age(&app, 8);
    orphan("part-00000-being-written.parquet");
    let live = data_files(&app).len() - 2;

    let (found, names) = table(&app).vacuum(true).await.unwrap();
    assert_eq!(names, ["date=2024-03-01/part-00000-left-by-a-crash.parquet"]);
    assert_eq!((found.files, found.bytes), (1, 1_000));
    assert_eq!(data_files(&app).len(), live + 2, "nothing was done yet");

    assert_eq!(keep(&app).await.removed, found);
    let left = data_files(&app);
    assert!(left.contains(&"date=2024-03-01/part-00000-being-written.parquet".to_owned()));
    assert_eq!(left.len(), live + 1);
    assert!(folder.join("deletion_vector_1.bin").exists(), "that is a stranger's");
    assert!(PathBuf::from(table(&app).place()).join("notes.parquet").exists());
    assert_clean(&app).await;
}

#[tokio::test]
async fn live_files_stay_however_old_they_are() {
    let app = bench().await;
    table(&app).hold_up_compaction(true);
    age(&app, 400);
    let before = data_files(&app);
    for _ in 0..2 {
        assert_eq!(keep(&app).await.removed.files, 0);
    }
    assert_eq!(data_files(&app), before);
    let app = app.restart().await;
    assert_clean(&app).await;
    let told = app.get("/v1/series").await.ok();
    assert_ne!(told["items"][0]["candles"]["final"], json!(0));
}

#[tokio::test]
async fn a_pass_merges_what_is_small_unless_compaction_is_held_up() {
    let app = bench().await;
    let start = app.now();
    let moments = minutes(&app, start, 5).await;
    let files = || table(&app).size().unwrap().live.files;
    let scattered = files();
    assert!(scattered > 4, "{scattered}");
    table(&app).hold_up_compaction(true);
    keep(&app).await;
    assert_eq!(files(), scattered);
    table(&app).hold_up_compaction(false);
    keep(&app).await;
    assert_eq!(files(), 1);
    for then in &moments {
        let answer = app.get(&path_at(start, then.version)).await.ok();
        assert_eq!(answer["candles"], then.candles, "version {}", then.version);
    }
    assert_clean(&app).await;
}
