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

    /// Runs `task` to its end, even if whoever waits for what comes of it goes away; `None` if it
    /// panicked. The program waits for it before it ends.
    pub async fn see_through<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tasks.spawn(task).await.ok()
    }

    /// Runs `work` on a thread for blocking; the program waits for it before it ends.
    pub fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        self.tasks.spawn_blocking(work)
    }

    /// Runs `task` without waiting for it at the end: it stops by itself when nobody can give it
    /// work any more, or does no harm if it is cut off.
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_seen_through_goes_on_although_the_caller_is_gone() {
        let lifecycle = Lifecycle::new();
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let task = async move {
            gone.await.unwrap();
            done.send(()).unwrap();
        };
        {
            let mut waiting = std::pin::pin!(lifecycle.see_through(task));
            assert!(futures::poll!(waiting.as_mut()).is_pending());
        }
        go.send(()).unwrap();
        assert!(lifecycle.stop_and_wait(Duration::from_secs(30)).await, "it was waited for");
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_seen_through_tells_what_came_of_it() {
        assert_eq!(Lifecycle::new().see_through(async { 7 }).await, Some(7));
    }
}
