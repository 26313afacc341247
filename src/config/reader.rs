//! Reads settings by key path and remembers every violation, so that all are reported at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use config::{Config as Layers, Environment, File, FileFormat, Map, Value, ValueKind};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

/// The annotated file at the top of the repository, which is also the defaults.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Everything wrong with the settings, one line each: key path, what is wrong, the fix.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    pub violations: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not valid:")?;
        self.violations.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

pub(super) struct Reader {
    layers: Layers,
    defaults: Layers,
    read: BTreeSet<String>,
    /// What is shown in place of secret settings, by their paths.
    covers: BTreeMap<String, String>,
    violations: Vec<String>,
}

impl Reader {
    /// Defaults, then the file, then `environment` (variables with the `BARKEEP__` prefix).
    pub(super) fn open(
        file: Option<&Path>,
        environment: Map<String, String>,
    ) -> Result<Self, ConfigError> {
        let broken =
            |error: config::ConfigError| ConfigError { violations: vec![error.to_string()] };
        let defaults = || Layers::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        let mut layers = defaults();
        if let Some(path) = file {
            layers = layers.add_source(File::from(path).format(FileFormat::Toml));
        }
        let variables = Environment::with_prefix("BARKEEP")
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("server.hosts")
            .with_list_parse_key("ingest.providers")
            .with_list_parse_key("ingest.assets")
            .with_list_parse_key("ingest.timeframes")
            .with_list_parse_key("calendars.fx_closed")
            .with_list_parse_key("calendars.fx_early_close")
            .with_list_parse_key("calendars.equity_closed")
            .with_list_parse_key("calendars.equity_early_close")
            .with_list_parse_key("news.assets")
            .with_list_parse_key("macro.indicators")
            .with_list_parse_key("providers.alpha_vantage.limits")
            .with_list_parse_key("providers.coinbase.limits")
            .with_list_parse_key("providers.oanda.limits")
            .try_parsing(true)
            .source(Some(environment));
        Ok(Self {
            layers: layers.add_source(variables).build().map_err(broken)?,
            defaults: defaults().build().map_err(broken)?,
            read: BTreeSet::new(),
            covers: BTreeMap::new(),
            violations: Vec::new(),
        })
    }

    /// The value at `path`; a bad one is remembered and its default returned in its place.
    pub(super) fn get<T: DeserializeOwned>(&mut self, path: &str) -> T {
        self.read.insert(path.to_owned());
        match self.layers.get(path) {
            Ok(value) => value,
            Err(error) => {
                self.violation(path, &error.to_string());
                self.defaults.get(path).unwrap_or_else(|broken| {
                    unreachable!("config.toml lacks a valid default for {path}: {broken}")
                })
            }
        }
    }

    /// Like `get`, with one more condition; `fix` says which.
    pub(super) fn get_if<T: DeserializeOwned>(
        &mut self,
        path: &str,
        fix: &str,
        holds: impl FnOnce(&T) -> bool,
    ) -> T {
        let value = self.get(path);
        if !holds(&value) {
            let given = self.layers.get::<Value>(path).map(|v| v.to_string()).unwrap_or_default();
            self.violation(path, &format!("{given} is not allowed: {fix}"));
        }
        value
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, path: &str, choices: &[(&str, T)]) -> T {
        let given: String = self.get(path);
        let chosen = choices.iter().find(|(word, _)| *word == given);
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let what = format!("{given:?} is not allowed: write {}", words.join(" or "));
            self.violation(path, &what);
        }
        chosen.map_or(choices[0].1, |(_, value)| *value)
    }

    /// The secret at `path`, or in the file that `path` with `_file` names; empty means none. Beside
    /// a file, only the default may stand at `path`.
    pub(super) fn secret(&mut self, path: &str) -> Option<SecretString> {
        let given: String = self.get(path);
        let file_path = format!("{path}_file");
        let file: String = self.get(&file_path);
        let is_default = self.defaults.get(path).is_ok_and(|default: String| default == given);
        let text = match (is_default, file.is_empty()) {
            (_, true) => given,
            (false, false) => {
                self.violation(&file_path, &format!("give either this or {path}, not both"));
                given
            }
            (true, false) => std::fs::read_to_string(&file).unwrap_or_else(|error| {
                self.violation(&file_path, &format!("{file} cannot be read: {error}"));
                String::new()
            }),
        };
        let text = text.trim();
        self.cover(path, if text.is_empty() { "" } else { COVER });
        (!text.is_empty()).then(|| text.to_owned().into())
    }

    /// Shows `text` where the setting is shown, instead of what it is.
    pub(super) fn cover(&mut self, path: &str, text: &str) {
        self.covers.insert(path.to_owned(), text.to_owned());
    }

    /// A table whose keys are the operator's own: path, key and list of each. The environment can
    /// only give one text, with commas.
    pub(super) fn lists(&mut self, path: &str) -> Vec<(String, String, Vec<String>)> {
        let table = self.layers.get_table(path).unwrap_or_default();
        let mut lists = Vec::new();
        for (key, value) in table {
            let path = format!("{path}.{key}");
            self.read.insert(path.clone());
            let list = match value.kind {
                ValueKind::Array(items) => items.into_iter().map(|item| item.to_string()).collect(),
                _ => value.to_string().split(',').map(|item| item.trim().to_owned()).collect(),
            };
            lists.push((path, key, list));
        }
        lists
    }

    pub(super) fn violation(&mut self, path: &str, what: &str) {
        self.violations.push(format!("{path}: {what}"));
    }

    /// The settings as they may be shown; or every violation, among them the keys that nobody read.
    pub(super) fn finish(mut self) -> Result<serde_json::Value, ConfigError> {
        let mut given = Vec::new();
        leaves("", &self.layers.cache, &mut given);
        for path in given.into_iter().filter(|path| !self.read.contains(path)) {
            self.violations.push(format!("{path}: there is no such setting; see config.toml"));
        }
        if self.violations.is_empty() {
            return Ok(shown("", &self.layers.cache, &self.covers));
        }
        Err(ConfigError { violations: self.violations })
    }
}

/// What stands for a secret.
const COVER: &str = "***";

fn shown(path: &str, value: &Value, covers: &BTreeMap<String, String>) -> serde_json::Value {
    if let Some(cover) = covers.get(path) {
        return cover.as_str().into();
    }
    match &value.kind {
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::Boolean(is) => (*is).into(),
        ValueKind::I64(number) => (*number).into(),
        ValueKind::U64(number) => (*number).into(),
        ValueKind::Float(number) => (*number).into(),
        ValueKind::Array(items) => items.iter().map(|item| shown("", item, covers)).collect(),
        ValueKind::Table(table) => {
            // A table of this crate keeps no order; read again, it has that of the alphabet.
            let entries: BTreeMap<_, _> = table.iter().collect();
            let entries = entries.into_iter().map(|(key, inner)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                (key.clone(), shown(&path, inner, covers))
            });
            serde_json::Value::Object(entries.collect())
        }
        other => other.to_string().into(),
    }
}

fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    let ValueKind::Table(table) = &value.kind else {
        found.push(path.to_owned());
        return;
    };
    for (key, inner) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        leaves(&path, inner, found);
    }
}
