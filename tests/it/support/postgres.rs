//! A throwaway PostgreSQL cluster, started from the programs of Debian's package.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tempfile::TempDir;

/// What must never be seen in a log or an error.
pub(crate) const PASSWORD: &str = "hunter2-of-the-tests";
/// Below the ports that systems give away by themselves, so that nobody takes it during a restart.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster with a password, English collation and no durability. It ends with this handle, or with
/// the test process.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// The postmaster, and the thread that waits for it: with that thread it would be killed.
#[derive(Debug)]
struct Server {
    pid: u32,
    ended: JoinHandle<()>,
}

impl Cluster {
    /// The cluster of this test binary, for tests that leave it running.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: tokio::sync::Mutex<Weak<Cluster>> =
            tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// Makes a cluster and starts it. Fails, saying why, where there is no PostgreSQL.
    pub(crate) async fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("barkeep-postgres").tempdir().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let data = folder.path().join("data");
        if is_root() {
            let user = |flag: &str| said(Command::new("id").args([flag, "postgres"]));
            let (uid, gid) = (user("-u").parse().unwrap(), user("-g").parse().unwrap());
            for path in [folder.path(), &password] {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
        }
        said(
            as_postgres(&programs.join("initdb"))
                .arg("--pgdata")
                .arg(&data)
                .arg("--pwfile")
                .arg(&password)
                .args(["--username=barkeep", "--auth=scram-sha-256", "--no-sync"])
                .args(["--encoding=UTF8", "--locale=C.UTF-8"])
                .args(["--locale-provider=icu", "--icu-locale=en-US"]),
        );
        let port = free_port();
        let server = Mutex::default();
        let cluster = Self { folder, programs, port, server, databases: AtomicU32::new(0) };
        cluster.resume().await;
        cluster
    }

    /// Starts the server again, and waits until it answers.
    pub(crate) async fn resume(&self) {
        let log = fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = as_postgres(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.path().join("data"));
        command.arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string()]);
        let settings = ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB"];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let (send, pid) = tokio::sync::oneshot::channel();
        let ended = std::thread::spawn(move || {
            let mut child: Child = command.spawn().unwrap();
            let _ = send.send(child.id());
            child.wait().unwrap();
        });
        *self.server() = Some(Server { pid: pid.await.unwrap(), ended });
        let began = Instant::now();
        while let Err(error) = self.maintenance().connect().await {
            let log = || fs::read_to_string(self.log()).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "no PostgreSQL: {error}\n{}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the server as its operator would: sessions are cut off, nothing is waited for.
    pub(crate) fn stop(&self) {
        self.end("INT");
    }

    /// Ends the server as a power cut would: it has to recover.
    pub(crate) fn crash(&self) {
        self.end("QUIT");
    }

    fn end(&self, signal: &str) {
        let Some(Server { pid, ended }) = self.server().take() else { return };
        said(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]));
        ended.join().unwrap();
    }

    /// The URL of a new, empty database.
    pub(crate) async fn database(&self) -> String {
        let name = format!("store_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("create database {name}")).await;
        format!("postgres://barkeep:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement in the cluster's own database.
    pub(crate) async fn execute(&self, text: &str) {
        let mut connection = self.maintenance().connect().await.unwrap();
        connection.execute(AssertSqlSafe(text)).await.unwrap();
        connection.close().await.unwrap();
    }

    fn maintenance(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options.username("barkeep").password(PASSWORD).database("postgres")
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}

/// The newest version that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|version| version.unwrap().path().join("bin"));
    let newest = folders.filter(|folder| folder.join("initdb").exists()).max();
    newest.expect(
        "these tests need PostgreSQL: its programs are not below /usr/lib/postgresql; \
         apt-get install postgresql",
    )
}

/// A program of PostgreSQL, which refuses root, and which ends with its parent.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--pdeathsig=QUIT").arg(program).env_clear().current_dir("/");
    command
}

fn is_root() -> bool {
    said(Command::new("id").arg("-u")) == "0"
}

/// What a command that succeeds has printed.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Another one for each cluster of this process, and elsewhere for other processes.
fn free_port() -> u16 {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() * 7 + STARTED.fetch_add(1, Ordering::Relaxed);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    PORTS.cycle().skip(number as usize % PORTS.len()).take(PORTS.len()).find(is_free).unwrap()
}
