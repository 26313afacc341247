//! `[lake]`: where the tables are, how files are written, and how long what is old is kept.

use std::{path::PathBuf, time::Duration};

use chrono::TimeDelta;
use secrecy::SecretString;
use url::Url;

use super::{reader::Reader, span::Span};

#[derive(Debug, Clone)]
pub struct LakeConfig {
    /// What is on the local disk: the lake, or at least what says who uses it.
    pub path: PathBuf,
    pub location: Location,
    pub append_compression: i32,
    pub compact_compression: i32,
    pub compact_after: usize,
    pub target_file_bytes: u64,
    pub commit_linger: Duration,
    pub commit_rows: usize,
    pub max_commit_rows: usize,
    /// How long a version can be read after the next one came.
    pub log_retention: TimeDelta,
    /// How long a file is left that nobody needs.
    pub file_retention: TimeDelta,
}

/// Where the tables are.
#[derive(Debug, Clone)]
pub enum Location {
    /// Below `path`.
    Folder,
    /// Below that URL, `s3://BUCKET/PREFIX`.
    Bucket(Url, S3Config),
    /// Nowhere; they go away with the process.
    Memory,
}

/// How a bucket is reached. What is empty comes from the environment, as everywhere for S3.
#[derive(Debug, Clone)]
pub struct S3Config {
    pub endpoint: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: Option<SecretString>,
}

/// Longer than any write takes, and any query that one would want to wait for.
const SHORTEST: TimeDelta = TimeDelta::weeks(1);

pub(super) fn lake(read: &mut Reader) -> LakeConfig {
    let level = |level: &i32| (1..=22).contains(level);
    let file_retention = read.get_if(
        "lake.file_retention",
        "use 7d or more: files that are being written, and those of long queries, look like nobody's",
        |span: &Span| TimeDelta::from(*span) >= SHORTEST,
    );
    let file_retention = TimeDelta::from(file_retention);
    let log_retention: Span = read.get_if(
        "lake.log_retention",
        "use no less than lake.file_retention: which files are needed is read from the log",
        |span: &Span| TimeDelta::from(*span) >= file_retention,
    );
    let location = location(read);
    let mib: u64 = read.get_if("lake.target_file_mib", "use 1 or more", |mib| *mib >= 1);
    LakeConfig {
        path: read.get("lake.path"),
        location,
        append_compression: read.get_if("lake.append_compression", "use 1 to 22", level),
        compact_compression: read.get_if("lake.compact_compression", "use 1 to 22", level),
        compact_after: read.get_if("lake.compact_after", "use 2 or more", |files| *files >= 2),
        target_file_bytes: mib * 1024 * 1024,
        commit_linger: read.get::<Span>("lake.commit_linger").into(),
        commit_rows: read.get_if("lake.commit_rows", "use 1 or more", |rows| *rows >= 1),
        max_commit_rows: read.get_if("lake.max_commit_rows", "use 1 or more", |rows| *rows >= 1),
        log_retention: log_retention.into(),
        file_retention,
    }
}

fn location(read: &mut Reader) -> Location {
    let s3 = S3Config {
        endpoint: read.get_if(
            "lake.s3.endpoint",
            "use a URL without name and password, like https://minio.example:9000",
            |endpoint: &String| !endpoint.contains('@'),
        ),
        region: read.get("lake.s3.region"),
        access_key_id: read.get("lake.s3.access_key_id"),
        secret_access_key: read.secret("lake.s3.secret_access_key"),
    };
    let text: String = read.get("lake.url");
    if text.is_empty() {
        return Location::Folder;
    }
    let Ok(mut url) = text.parse::<Url>() else {
        read.violation("lake.url", FIX);
        return Location::Folder;
    };
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "memory" if is_bare => Location::Memory,
        "s3" if is_bare && url.has_host() => {
            // A URL without a slash at its end names a file.
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            Location::Bucket(url, s3)
        }
        _ => {
            read.violation("lake.url", FIX);
            Location::Folder
        }
    }
}

const FIX: &str = "leave it empty for lake.path, or write s3://BUCKET/PREFIX or memory:; keys go into \
                   [lake.s3]";

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Config;
    use super::*;

    fn given(log: &str, files: &str) -> Result<LakeConfig, Vec<String>> {
        let pairs = [("LOG_RETENTION", log), ("FILE_RETENTION", files)];
        let own =
            |(name, value): (&str, &str)| (format!("BARKEEP__LAKE__{name}"), value.to_owned());
        let variables: HashMap<_, _> = pairs.map(own).into();
        let config = Config::from_layers(None, variables).map_err(|error| error.violations);
        config.map(|config| config.lake)
    }

    #[test]
    fn nothing_is_removed_within_a_week_nor_while_the_log_cannot_tell_whether_it_is_needed() {
        let lake = given("30d", "8d").unwrap();
        assert_eq!(lake.log_retention, TimeDelta::days(30));
        assert_eq!(lake.file_retention, TimeDelta::days(8));
        assert!(given("7d", "7d").is_ok());
        for (log, files, key) in [
            ("7d", "6d", "lake.file_retention"),
            ("7d", "0s", "lake.file_retention"),
            ("6d", "7d", "lake.log_retention"),
            ("10d", "11d", "lake.log_retention"),
        ] {
            let violations = given(log, files).unwrap_err();
            assert_eq!(violations.len(), 1, "{violations:?}");
            assert!(violations[0].starts_with(key), "{violations:?}");
        }
    }
}
