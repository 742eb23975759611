//! Threads of their own for a part of this program, so that what it takes of the processors can be
//! told from what the rest does.

use std::future::Future;

use anyhow::Result;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::machine::{cores, used_by_threads};

/// A runtime as the operator's, on threads that have a name.
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
            .worker_threads(cores())
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
    use std::time::{Duration, Instant};

    use super::*;

    fn work() {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn what_they_take_is_told_from_what_the_rest_does() {
        let threads = Threads::new("told-apart").unwrap();
        work();
        let before = threads.used().unwrap();
        threads
            .run(async {
                work();
                Ok(())
            })
            .await
            .unwrap();
        let used = threads.used().unwrap() - before;
        assert!(before < 0.1, "they had used {before} s before they worked");
        assert!(used > 0.1, "they used {used} s");
    }
}
