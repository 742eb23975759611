//! Threads of their own for a part of this program, so that what it takes of the processors can be
//! told from what the rest does.

use std::future::Future;

use anyhow::Result;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::machine::used_by_threads;

/// A runtime as the operator's, with one thread, which has a name.
pub struct Threads {
    name: &'static str,
    handle: Handle,
    /// There until the drop.
    runtime: Option<Runtime>,
}

impl Threads {
    /// `name` may have 15 characters.
    pub fn new(name: &'static str) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self {
            name,
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Runs a task, and all that it spawns, on these threads.
    pub async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.handle.spawn(task).await?
    }

    /// Processor time that they have used, in seconds.
    pub fn used(&self) -> Result<f64> {
        used_by_threads(self.name)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them, as dropping a runtime does, is not allowed on a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// Works on a thread of this name until that has used 0.2 s, however busy the machine is.
    fn work(name: &str) {
        let begun = Instant::now();
        let before = used_by_threads(name).unwrap();
        while used_by_threads(name).unwrap() - before < 0.2 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{name} is idle");
        }
    }

    #[tokio::test]
    async fn what_they_take_is_told_from_what_the_rest_does() {
        let threads = Threads::new("told-apart").unwrap();
        let rest = thread::Builder::new().name("the-rest".into());
        rest.spawn(|| work("the-rest")).unwrap().join().unwrap();
        let before = threads.used().unwrap();
        assert!(before < 0.1, "they had used {before} s before they worked");
        threads
            .run(async {
                work("told-apart");
                Ok(())
            })
            .await
            .unwrap();
        let used = threads.used().unwrap();
        assert!(used >= 0.2, "they used {used} s");
    }
}
