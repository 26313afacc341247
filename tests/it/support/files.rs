//! What lies on the disk, and how old it is.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Every file of a folder and the folders in it.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Has every file of a folder be older by so many days.
pub(crate) fn age(folder: &Path, days: u64) {
    for file in files_below(folder) {
        let file = fs::File::options().append(true).open(file).unwrap();
        let by = Duration::from_secs(days * 24 * 60 * 60);
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified.checked_sub(by).unwrap()).unwrap();
    }
}
