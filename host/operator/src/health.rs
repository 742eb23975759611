//! What the probes answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A class whose loop has shown no sign of life for this long has stalled. A reconcile may take a
/// minute, and the sign queues behind those under way.
const STALLED: Duration = Duration::from_secs(150);

/// The process's health.
#[derive(Clone, Default)]
pub struct Health {
    loops: Arc<Mutex<HashMap<String, Instant>>>,
    connected: Arc<AtomicBool>,
    /// By the number of a shard that this replica leads: its caches are filled.
    leading: Arc<Mutex<HashMap<u16, bool>>>,
}

impl Health {
    /// Whether the API server answered when the lease was last tried for.
    pub fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// This replica leads a shard.
    pub fn set_leading(&self, shard: u16) {
        self.leading().insert(shard, false);
    }

    /// The caches of the shared kinds are filled for a shard.
    pub fn set_synced(&self, shard: u16) {
        self.leading().insert(shard, true);
    }

    /// This replica no longer leads a shard.
    pub fn set_left(&self, shard: u16) {
        self.leading().remove(&shard);
    }

    /// The signs of life of one class's loop; they are expected until it is dropped.
    pub fn heartbeat(&self, class: &str) -> Heartbeat {
        Heartbeat {
            health: self.clone(),
            class: class.to_owned(),
        }
    }

    /// The API server has been reached.
    pub fn started(&self) -> Result<(), String> {
        if self.connected.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("the API server has not answered yet".into())
        }
    }

    /// No class's loop has stalled.
    pub fn alive(&self) -> Result<(), String> {
        let loops = self.lock();
        let stalled: Vec<_> = loops
            .iter()
            .filter(|(_, seen)| seen.elapsed() > STALLED)
            .map(|(class, _)| class.as_str())
            .collect();
        if stalled.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "no sign of life for {STALLED:?} from class {}",
                stalled.join(", ")
            ))
        }
    }

    /// The leader has filled its caches; another replica is ready to take over.
    pub fn ready(&self) -> Result<(), String> {
        self.started()?;
        if self.leading().values().any(|synced| !synced) {
            return Err("the caches are not filled yet".into());
        }
        self.alive()
    }

    fn leading(&self) -> std::sync::MutexGuard<'_, HashMap<u16, bool>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signs of life of one class.
pub struct Heartbeat {
    health: Health,
    class: String,
}

impl Heartbeat {
    /// The loop is alive.
    pub fn beat(&self) {
        self.health
            .lock()
            .insert(self.class.clone(), Instant::now());
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.health.lock().remove(&self.class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_falls_silent_ends_liveness_by_name() {
        let health = Health::default();
        let heartbeat = health.heartbeat("orders");
        heartbeat.beat();
        tokio::time::advance(STALLED).await;
        assert_eq!(health.alive(), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(health.alive().unwrap_err().contains("orders"));
        heartbeat.beat();
        assert_eq!(health.alive(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_that_is_no_longer_served_is_not_expected_to_beat() {
        let health = Health::default();
        let heartbeat = health.heartbeat("orders");
        heartbeat.beat();
        drop(heartbeat);
        tokio::time::advance(STALLED * 2).await;
        assert_eq!(health.alive(), Ok(()));
    }

    #[test]
    fn a_standby_is_ready_and_a_leader_only_with_its_caches_filled() {
        let health = Health::default();
        assert!(health.ready().is_err());
        health.set_connected(true);
        assert_eq!(health.ready(), Ok(()));
        health.set_leading(0);
        assert!(health.ready().is_err());
        health.set_synced(0);
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn a_replica_is_ready_with_the_caches_of_all_its_shards_filled() {
        let health = Health::default();
        health.set_connected(true);
        health.set_leading(0);
        health.set_leading(2);
        health.set_synced(2);
        assert!(health.ready().is_err());
        health.set_left(0);
        assert_eq!(health.ready(), Ok(()));
    }
}
