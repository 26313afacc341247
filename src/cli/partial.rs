//! A file that is there once it is whole.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Has another name until it is finished, and goes away if it is not.
pub(super) struct Partial {
    pub(super) file: BufWriter<File>,
    at: PathBuf,
}

impl Partial {
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let mut at = path.as_os_str().to_owned();
        at.push(".partial");
        let at = PathBuf::from(at);
        let file = File::create(&at).with_context(|| unwritten(&at))?;
        Ok(Self { file: BufWriter::new(file), at })
    }

    pub(super) fn finish(mut self, path: &Path) -> anyhow::Result<()> {
        self.file.flush().with_context(|| unwritten(&self.at))?;
        std::fs::rename(&self.at, path).with_context(|| unwritten(path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        std::fs::remove_file(&self.at).ok();
    }
}

fn unwritten(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}
