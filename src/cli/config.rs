//! `barkeep config`

use std::{fmt::Write, process::ExitCode};

use clap::Args;
use serde_json::{Map, Value};

use super::output::say;
use crate::config::{Config, DEFAULTS};

/// Prints the settings in effect as TOML, with secrets covered up.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The same as JSON, for programs.
    #[arg(long, conflicts_with = "defaults")]
    json: bool,
    /// Print the defaults with what each setting means, to begin a file with.
    #[arg(long)]
    defaults: bool,
}

impl Show {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        say(&if self.defaults {
            DEFAULTS.to_owned()
        } else if self.json {
            serde_json::to_string_pretty(&config.shown)?
        } else {
            toml(&config.shown)?
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The settings as a file of settings.
fn toml(shown: &Value) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if let Value::Object(table) = shown {
        section("", table, &mut text)?;
    }
    Ok(text)
}

/// What stands in the table itself comes before the tables in it.
fn section(path: &str, table: &Map<String, Value>, text: &mut String) -> std::fmt::Result {
    let is_table = |value: &Value| value.is_object();
    if table.values().any(|value| !is_table(value)) {
        if !path.is_empty() {
            let gap = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{gap}[{path}]")?;
        }
        for (key, value) in table.iter().filter(|(_, value)| !is_table(value)) {
            // Texts, numbers, truths and lists of them are written as in JSON.
            writeln!(text, "{} = {value}", written(key))?;
        }
    }
    for (key, value) in table {
        if let Value::Object(inner) = value {
            let key = written(key);
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            section(&path, inner, text)?;
        }
    }
    Ok(())
}

fn written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        return key.to_owned();
    }
    Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, io::Write};

    use super::*;

    #[test]
    fn what_is_printed_is_read_back_as_the_same_settings() {
        let variables = [
            ("BARKEEP__INGEST__ASSETS", "BTCUSD,EURUSD"),
            ("BARKEEP__INGEST__PROVIDERS_OF__BTCUSD", "coinbase"),
            ("BARKEEP__LOG__FILTER", "warn,\"\\"),
            ("BARKEEP__CLOCK__SPEED", "60"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let config = Config::from_layers(None, variables.map(own).into()).unwrap();
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(toml(&config.shown).unwrap().as_bytes()).unwrap();
        let again = Config::from_layers(Some(file.path()), HashMap::new()).unwrap();
        assert_eq!(again.shown, config.shown);
        assert_eq!(again.shown["ingest"]["assets"], serde_json::json!(["BTCUSD", "EURUSD"]));
    }
}
