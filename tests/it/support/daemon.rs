//! The real `barkeep serve` in a process of its own, to be watched, asked and killed.

use std::{
    collections::HashMap,
    fs::File,
    net::{SocketAddr, TcpListener},
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(20);

/// Settings as environment variables: `BARKEEP__SECTION__KEY` and what it is set to.
pub(crate) type Settings = HashMap<String, String>;

/// Of a daemon with store and lake in `folder`, to which no candle comes.
pub(crate) fn without_candles(folder: &Path) -> Settings {
    let path = |name: &str| folder.join(name).display().to_string();
    let settings = [
        ("STORE__URL", format!("sqlite:{}", path("barkeep.db"))),
        ("LAKE__PATH", path("lake")),
        // Nobody answers there.
        ("PROVIDERS__COINBASE__URL", "http://127.0.0.1:9".to_owned()),
        ("INGEST__PROVIDERS", "coinbase".to_owned()),
        ("INGEST__ASSETS", "BTCUSD".to_owned()),
        ("INGEST__TIMEFRAMES", "1d".to_owned()),
    ];
    settings.map(|(key, value)| (format!("BARKEEP__{key}"), value)).into_iter().collect()
}

/// A running daemon; it does not outlive this handle.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    http: reqwest::Client,
}

impl Daemon {
    /// Starts `barkeep serve` with nothing in its environment but `settings`; it writes to `log`,
    /// after what is there.
    pub(crate) fn spawn(settings: &Settings, log: &Path) -> Self {
        let address = free_address();
        let output = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(executable())
            .arg("serve")
            .env_clear()
            .envs(settings)
            .env("BARKEEP__SERVER__BIND", address.to_string())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, address, log: log.to_owned(), http: http_client() }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The JSON answer to a GET; `None` while nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.base_url());
        let body = self.http.get(url).send().await.ok()?.bytes().await.ok()?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// The JSON answer to a POST of JSON; `None` if nobody answers.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Option<Value> {
        let url = format!("{}{path}", self.base_url());
        let request = self.http.post(url).header("content-type", "application/json");
        let request = request.header("idempotency-key", key).body(body.to_string());
        let body = request.send().await.ok()?.bytes().await.ok()?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// The JSON answer to a PUT of JSON; `None` if nobody answers.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Option<Value> {
        let url = format!("{}{path}", self.base_url());
        let request = self.http.put(url).header("content-type", "application/json");
        let body = request.body(body.to_string()).send().await.ok()?.bytes().await.ok()?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// Waits until `holds` of the JSON at `path`, and fails if the daemon ends before.
    pub(crate) async fn wait_until(
        &mut self,
        path: &str,
        patience: Duration,
        holds: impl Fn(&Value) -> bool,
    ) {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended by itself, {status}:\n{}", self.log_tail());
            }
            if let Some(answer) = self.get(path).await {
                if holds(&answer) {
                    return;
                }
                last = Some(answer);
            }
            tokio::time::sleep(POLL).await;
        }
        let last = last.map_or("none".to_owned(), |answer| format!("{answer:#}"));
        panic!("not within {patience:?}; last answer: {last}\n{}", self.log_tail());
    }

    /// Waits until the process ends by itself.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("still running after {patience:?}:\n{}", self.log_tail());
    }

    /// SIGKILL, as the machine's power button would; panics if the process had ended before.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "{status}:\n{}", self.log_tail());
    }

    /// SIGSTOP: it stands still, and does not know.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on where it stood.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// SIGTERM, and the graceful end that must follow.
    pub(crate) async fn stop(mut self) {
        self.signal("-TERM");
        let status = self.ended(Duration::from_secs(40)).await;
        assert_eq!(status.code(), Some(0), "{status}:\n{}", self.log_tail());
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SIGKILL: i32 = 9;

/// The executable as it was at first use, even if a build replaces the file during the tests.
fn executable() -> PathBuf {
    static EXECUTABLE: LazyLock<File> =
        LazyLock::new(|| File::open(env!("CARGO_BIN_EXE_barkeep")).unwrap());
    let held = format!("/proc/{}/fd/{}", std::process::id(), EXECUTABLE.as_raw_fd());
    if Path::new(&held).exists() { held } else { env!("CARGO_BIN_EXE_barkeep").to_owned() }.into()
}

/// An address nobody listens on at the moment.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn http_client() -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build();
    client.unwrap()
}
