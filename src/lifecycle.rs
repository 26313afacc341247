//! Starting and stopping: every long task is spawned here, told to stop here, awaited here.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Shared by everything that runs until the program ends.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it ends by itself; it should watch `stopping`.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs `work` on a thread for blocking; the program waits for it before it ends.
    pub fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        self.tasks.spawn_blocking(work)
    }

    /// Runs `task` without waiting for it at the end: it stops by itself when nobody can give it
    /// work any more.
    pub fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    /// Resolves when the program has been asked to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Is cancelled with the program, or earlier by whoever asked for it.
    pub fn halt(&self) -> CancellationToken {
        self.stop.child_token()
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Asks every task to finish what it has begun and end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops, and waits for the tasks; `false` if some were still running after `patience`.
    pub async fn stop_and_wait(&self, patience: Duration) -> bool {
        self.stop();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}
