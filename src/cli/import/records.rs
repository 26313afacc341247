//! `barkeep import decisions` and `barkeep import executions`: the files of former stores.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::Bytes;
use clap::Args;

use super::super::refusal::unfit;
use crate::{
    app::App,
    config::Config,
    ingest::{Fate, Recorder},
    market::RecordKind,
    records::{Form, documents},
};

#[derive(Debug, Args)]
pub(super) struct Paths {
    /// Files, and folders whose files are meant at any depth: `.json` is an object or an array of
    /// them, `.jsonl` and `.ndjson` have one per line. Others are passed over.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// What has become of everything.
#[derive(Debug, Default)]
struct Summary {
    documents: usize,
    landed: usize,
    revised: usize,
    unchanged: usize,
    /// By expectation, field and fix: how many, and the file of one of them.
    refused: BTreeMap<(&'static str, String, String), (usize, PathBuf)>,
}

/// Documents that are judged and landed at once.
const PIECE: usize = 5_000;

impl Paths {
    pub(super) async fn run(self, kind: RecordKind, config: Config) -> anyhow::Result<ExitCode> {
        let mut files = Vec::new();
        for path in &self.paths {
            let failed =
                |error| unfit(format!("{}: {error}", path.display()), "name what is there");
            find(path, &mut files).map_err(failed)?;
        }
        if files.is_empty() {
            return Err(unfit("there is no .json, .jsonl or .ndjson file", "name another folder"));
        }
        let app = App::start_alone(config).await?;
        let mut summary = Summary::default();
        for (file, form) in &files {
            let text = fs::read(file)?;
            // A file that is no JSON is one document that cannot be read.
            let all = documents(&text, *form).unwrap_or_else(|_| vec![Bytes::from(text)]);
            for piece in all.chunks(PIECE) {
                summary.land(&app.recorder, kind, (file, piece)).await?;
            }
        }
        summary.print(kind, files.len());
        app.store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

impl Summary {
    async fn land(
        &mut self,
        recorder: &Recorder,
        kind: RecordKind,
        (file, documents): (&Path, &[Bytes]),
    ) -> anyhow::Result<()> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.documents += documents.len();
        for fate in recorder.accept(kind, documents.to_vec(), &name).await? {
            match fate {
                Fate::Landed => self.landed += 1,
                Fate::Revised => self.revised += 1,
                Fate::Unchanged => self.unchanged += 1,
                Fate::Refused { fault, .. } => {
                    let why = (fault.expectation, fault.field, fault.fix);
                    self.refused.entry(why).or_insert((0, file.to_owned())).0 += 1;
                }
            }
        }
        Ok(())
    }

    fn print(&self, kind: RecordKind, files: usize) {
        let refused: usize = self.refused.values().map(|(count, _)| count).sum();
        let Self { documents, landed, revised, unchanged, .. } = self;
        println!("{kind}: {documents} documents in {files} files");
        println!(
            "  {landed} landed, {revised} revisions, {unchanged} unchanged, {refused} refused"
        );
        for ((expectation, field, fix), (count, file)) in &self.refused {
            println!("    {count} {expectation}: {field}; {fix} (such as {})", file.display());
        }
        if refused > 0 {
            println!("  what was refused is kept: GET /v1/dead-letters?series={kind}");
        }
    }
}

/// The files that are named, and those below folders that are, in order.
fn find(path: &Path, files: &mut Vec<(PathBuf, Form)>) -> io::Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
        let mut below = entries.collect::<io::Result<Vec<_>>>()?;
        below.sort();
        return below.iter().try_for_each(|path| find(path, files));
    }
    fs::metadata(path)?;
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match &*extension {
        "json" => files.push((path.to_owned(), Form::Json)),
        "jsonl" | "ndjson" => files.push((path.to_owned(), Form::Lines)),
        _ => {}
    }
    Ok(())
}
