//! What the command says: its help, and what it answers to bad usage.

use std::{
    collections::HashMap,
    fmt::Write,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use barkeep::{
    app::App,
    config::{Config, DEFAULTS},
};
use insta::assert_snapshot;
use tempfile::TempDir;

use crate::loopback::{Loopback, answer};

const ROWS: &str = "time,open,high,low,close,volume\n\
                    2024-01-01T00:00:00Z,100,101.5,99,101,3\n\
                    2024-01-01T01:00:00Z,101,102,100,100.5,\n";

/// The command with a lake and a store of its own.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn environment(&self) -> HashMap<String, String> {
        let store = format!("sqlite:{}", self.path("store.db").display());
        let pairs = [
            ("BARKEEP__LAKE__PATH", self.path("lake").display().to_string()),
            ("BARKEEP__STORE__URL", store),
            // Log lines carry times; what is said to the user is not logged.
            ("BARKEEP__LOG__FILTER", "off".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The settings under which the command runs here.
    pub(crate) fn config(&self) -> Config {
        Config::from_layers(None, self.environment()).unwrap()
    }

    fn config_with(&self, more: &[(&str, &str)]) -> Config {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = self.environment().into_iter().chain(more.iter().map(own));
        Config::from_layers(None, environment.collect()).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
        command.current_dir(self.folder.path()).args(arguments).env_clear();
        command.envs(self.environment());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Exit code and both streams, without what differs between machines.
    fn said(&self, arguments: &[&str]) -> String {
        self.told(&self.run(arguments))
    }

    fn told(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.replace(&self.folder.path().display().to_string(), "[folder]")
        };
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        format!("exit {}\n--- out\n{out}--- err\n{err}", output.status.code().unwrap())
    }
}

const AS_HOURS: [&str; 6] = ["--asset", "BTC-USD", "--timeframe", "1h", "--provider", "someone"];

fn import<'a>(files: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["import"], files, &AS_HOURS, more].concat()
}

/// What asks a daemon, and the commands inside of it.
const ASKING: [(&str, &[&str]); 19] = [
    ("backfill", &[]),
    ("backfills", &["list", "show", "watch", "pause", "resume", "cancel", "retry", "chunks"]),
    ("status", &[]),
    ("watermarks", &[]),
    ("gaps", &["list", "repair"]),
    ("coverage", &[]),
    ("explain", &[]),
    ("rewind", &[]),
    ("query", &[]),
    ("verify", &[]),
    ("diff", &[]),
    ("dead-letters", &["list", "groups", "show", "replay", "discard"]),
    ("jobs", &[]),
    ("schedules", &["list", "pause", "resume", "trigger"]),
    ("assets", &["list", "add", "set", "disable", "enable", "remove"]),
    ("tables", &["list", "history", "vacuum", "optimize", "create", "write"]),
    ("replicas", &[]),
    ("audit", &[]),
    ("completions", &[]),
];

#[test]
fn help_and_version() {
    let desk = Desk::new();
    assert_snapshot!("help", desk.said(&["--help"]));
    let commands = [
        "serve",
        "demo",
        "simulate-exchange",
        "import",
        "providers",
        "health",
        "migrate",
        "keys",
        "config",
    ];
    for command in commands {
        assert_snapshot!(format!("help_{command}"), desk.said(&[command, "--help"]));
    }
    for (command, inner) in ASKING {
        let mut helps = desk.said(&[command, "--help"]);
        for word in inner {
            write!(helps, "# {command} {word}\n{}", desk.said(&[command, word, "--help"])).unwrap();
        }
        assert_snapshot!(format!("help_{command}"), helps);
    }
    let version = format!("exit 0\n--- out\nbarkeep {}\n--- err\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(desk.said(&["--version"]), version);
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 0, "asking leaves no traces");
}

#[test]
fn bad_usage_names_the_word_and_the_fix() {
    let desk = Desk::new();
    let with = |option: &str, value: &str| {
        let mut words = import(&["a.csv"], &[]);
        let at = words.iter().position(|word| *word == option).unwrap();
        words[at + 1] = value;
        desk.said(&words)
    };
    assert_snapshot!("unknown_command", desk.said(&["drink"]));
    assert_snapshot!("bad_asset", with("--asset", "BTC USD"));
    assert_snapshot!("bad_timeframe", with("--timeframe", "2h"));
    assert_snapshot!("bad_provider", with("--provider", "Coinbase Pro"));
    assert_snapshot!("bad_map", desk.said(&import(&["a.csv"], &["--map", "time=date,colour=red"])));
    assert_snapshot!("no_file_given", desk.said(&import(&[], &[])));
    let sandbox = |option: &str, value: &str| desk.said(&["simulate-exchange", option, value]);
    assert_snapshot!("bad_fault", sandbox("--fault", "gremlins=0.5"));
    assert_snapshot!("fault_of_another", sandbox("--fault", "coinbase:day_quota=0.5"));
    assert_snapshot!("bad_limit", sandbox("--limit", "coinbase=ten"));
    assert_snapshot!("limit_of_nobody", sandbox("--limit", "kraken=10/s"));
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn a_bad_file_is_refused_before_anything_lands() {
    let desk = Desk::new();
    desk.write("good.csv", ROWS);
    desk.write("headless.csv", ROWS.split_once('\n').unwrap().1);
    desk.write("notes.docx", "PK");
    desk.write("torn.parquet", b"PAR1 and then nothing that makes sense PAR1");
    desk.write("text.parquet", ROWS);
    desk.write("other.csv", "when,price\n2024-01-01,5\n");
    desk.write("empty.csv", "");
    desk.write("torn.json", "[{\"time\": 1704067200, \"open\": 1");
    let mut all = String::new();
    let bad = ["absent.csv", "headless.csv", "notes.docx", "torn.parquet", "text.parquet"];
    for file in bad.into_iter().chain(["other.csv", "empty.csv", "torn.json", "."]) {
        write!(all, "# {file}\n{}", desk.said(&import(&["good.csv", file], &[]))).unwrap();
    }
    assert_snapshot!("bad_files", all);
    let words = import(&["good.csv"], &["--map", "time=moment"]);
    assert_snapshot!("map_of_no_column", desk.said(&words));
    assert!(!desk.path("lake").exists(), "no lake for nothing");
}

#[test]
fn an_import_says_what_became_of_the_rows() {
    let desk = Desk::new();
    let broken = "2024-01-01T03:00:00Z,100,99,101,100,1\n2024-01-01T04:00:00Z,-,-,-,-,-\n";
    desk.write("hours.csv", format!("{ROWS}{broken}2024-01-01T05:00:00Z,100,100,100,100,0\n"));
    assert_snapshot!("import", desk.said(&import(&["hours.csv"], &[])));
    assert_snapshot!("import_again", desk.said(&import(&["hours.csv"], &[])));
    let json = "[{\"date\": \"2024-01-01 00:00:00\", \"open\": 100, \"high\": 101.5, \"low\": 99, \
                \"close\": 101, \"volume\": 3},\n{\"date\": \"2024-01-01 03:00:00\", \"open\": null}]";
    desk.write("hours.json", json);
    assert_snapshot!("import_of_json", desk.said(&import(&["hours.json"], &[])));
    let mut equity = import(&["hours.csv"], &[]);
    equity[3] = "AAPL";
    assert_snapshot!("import_of_a_holiday", desk.said(&equity));
}

#[test]
fn t30_the_machines_own_time_zone_changes_nothing() {
    let imported = ["UTC", "America/New_York", "Asia/Kolkata"].map(|zone| {
        let desk = Desk::new();
        let rows = "date,open,high,low,close\n2024-03-10 02:30,1,2,1,2\n2024-11-03 01:30,1,2,1,2\n";
        desk.write("halves.csv", rows);
        let words = ["import", "halves.csv", "--asset", "EURUSD", "--timeframe", "15m"];
        let mut command = desk.command(&[&words[..], &["--provider", "someone"]].concat());
        desk.told(&command.env("TZ", zone).output().unwrap())
    });
    assert!(imported[0].contains("2 landed"), "{}", imported[0]);
    assert_eq!(imported[0], imported[1]);
    assert_eq!(imported[0], imported[2]);
}

#[test]
fn settings_are_checked_all_at_once() {
    let desk = Desk::new();
    let bad = "[server]\nbind = \"0.0.0.0:80\"\n[ingest]\nassets = [\"BTC USD\"]\nhistory = \"soon\"\n\
               colour = 1\n[clock]\nspeed = 0.5\n";
    desk.write("bad.toml", bad);
    desk.write("torn.toml", "[server\n");
    assert_snapshot!("bad_settings", desk.said(&["--config", "bad.toml", "config"]));
    assert_snapshot!("bad_settings_stop_everything", desk.said(&["serve", "--config", "bad.toml"]));
    assert_snapshot!("torn_settings", desk.said(&["config", "--config", "torn.toml"]));
    assert_snapshot!("absent_settings", desk.said(&["config", "--config", "absent.toml"]));
    let filter = desk.command(&["config"]).env("BARKEEP__LOG__FILTER", "a=b=c").output().unwrap();
    assert_snapshot!("bad_filter", desk.told(&filter));
}

#[test]
fn config_prints_what_is_in_effect_or_the_annotated_defaults() {
    let desk = Desk::new();
    let printed = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        let output = command.env("BARKEEP__PROVIDERS__OANDA__TOKEN", "hunter2").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(printed(&["config", "--defaults"]), DEFAULTS);
    let lake = format!("path = {:?}", desk.path("lake").display().to_string());
    let in_effect = printed(&["config"]);
    assert!(in_effect.contains(&lake) && in_effect.contains("token = \"***\""), "{in_effect}");
    let json: serde_json::Value = serde_json::from_str(&printed(&["config", "--json"])).unwrap();
    assert_eq!(json, desk.config_with(&[("BARKEEP__PROVIDERS__OANDA__TOKEN", "hunter2")]).shown);
    assert!(!desk.path("lake").exists(), "looking changes nothing");
}

#[tokio::test]
async fn a_second_process_on_the_same_lake_is_refused() {
    let desk = Desk::new();
    desk.write("good.csv", ROWS);
    let app = App::start(desk.config()).await.unwrap();
    assert_snapshot!("locked", desk.said(&import(&["good.csv"], &[])));
    app.store.close().await;
    drop(app);
}

/// A proxy that is set for the world must not be asked for the neighbour.
#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_daemon_of_the_settings_and_nobody_else() {
    let desk = Desk::new();
    let ask = |address: &str| {
        let mut command = desk.command(&["health"]);
        command.env("BARKEEP__SERVER__BIND", address).env("http_proxy", "http://127.0.0.1:1");
        desk.told(&command.output().unwrap()).replace(address, "[address]")
    };
    let daemon = Loopback::answering(|number, uri| {
        assert_eq!(uri.path(), "/readyz");
        let (status, says) = if number == 0 { (200, "ok\n") } else { (503, "stopping\n") };
        Some(answer(status, &[], says))
    })
    .await;
    let address = daemon.url.authority().to_owned();
    assert_eq!(ask(&address), "exit 0\n--- out\nready\n--- err\n");
    let stopping = "error: the daemon at [address] is not ready: stopping";
    assert_eq!(ask(&address), format!("exit 1\n--- out\n--- err\n{stopping}\n"));
    drop(daemon);
    let nobody = ask("127.0.0.1:1");
    assert!(nobody.starts_with("exit 1\n--- out\n--- err\nerror: nobody answers"), "{nobody}");
}
