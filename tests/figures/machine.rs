//! What the operating system says of this process and its files.

use std::{fs, path::Path};

/// Resident memory in MiB.
pub(crate) fn resident_mib() -> f64 {
    mib("VmRSS:")
}

/// The most that was resident since `forget_peak`, in MiB.
pub(crate) fn peak_mib() -> f64 {
    mib("VmHWM:")
}

pub(crate) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("a peak that can be forgotten");
}

fn mib(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// Files below `folder` with a given ending: how many, and their bytes.
pub(crate) fn files(folder: &Path, ending: &str) -> (usize, u64) {
    let Ok(entries) = fs::read_dir(folder) else { return (0, 0) };
    entries.flatten().fold((0, 0), |(count, bytes), entry| {
        let path = entry.path();
        if path.is_dir() {
            let (inner, size) = files(&path, ending);
            return (count + inner, bytes + size);
        }
        let matches = path.to_string_lossy().ends_with(ending);
        let size = entry.metadata().map_or(0, |meta| meta.len());
        if matches { (count + 1, bytes + size) } else { (count, bytes) }
    })
}
