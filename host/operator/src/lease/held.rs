//! A Lease that this process holds.

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::PostParams};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::{Settings, Tenure, freed, holder, is_same_tenure, renewal};
use crate::shards::Shard;

/// How long giving it back may take, at least and at most: others wait for its end otherwise, and
/// whoever ends this process for the process.
const RELEASED_WITHIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));

/// A Lease that this process has taken, to be renewed and given back.
pub struct Held {
    api: Api<Lease>,
    settings: Settings,
    shard: Shard,
    name: String,
    /// As last written.
    lease: Lease,
    tenure: Tenure,
}

impl Held {
    /// The Lease as it was written by a request that was sent then.
    pub(super) fn new(
        api: Api<Lease>,
        settings: Settings,
        shard: Shard,
        name: String,
        lease: Lease,
        sent: Instant,
    ) -> Self {
        Held {
            tenure: Tenure::begin(sent, settings.renew_deadline),
            api,
            settings,
            shard,
            name,
            lease,
        }
    }

    /// What the Lease is for.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Whether the Lease is still held.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Renews for ever; returns only when the Lease is lost, with the reason.
    pub async fn hold(&mut self) -> anyhow::Error {
        loop {
            sleep(self.settings.retry_period).await;
            // A Lease that nobody renews is taken for expired. It must not come to life again when
            // somebody may have acted on that already, though nobody has taken it.
            if !self.tenure.holds() {
                return self.not_renewed();
            }
            match self.renew().await {
                Ok(true) => {}
                Ok(false) => return anyhow::anyhow!("another replica holds the lease"),
                Err(error) => debug!("failed to renew the lease: {error:#}"),
            }
            if !self.tenure.holds() {
                return self.not_renewed();
            }
        }
    }

    fn not_renewed(&self) -> anyhow::Error {
        anyhow::anyhow!(
            "the lease was not renewed for {:?}",
            self.settings.renew_deadline
        )
    }

    /// One attempt; false if the Lease is no longer the one that was taken.
    async fn renew(&mut self) -> anyhow::Result<bool> {
        let limit = self.settings.answer_within();
        let sent = Instant::now();
        let renewed = timeout(limit, self.write_renewal())
            .await
            .with_context(|| format!("no answer within {limit:?}"))??;
        let Some(lease) = renewed else {
            return Ok(false);
        };
        self.lease = lease;
        self.tenure.renew(sent);
        Ok(true)
    }

    async fn write_renewal(&self) -> anyhow::Result<Option<Lease>> {
        let Some(current) = self.current().await? else {
            return Ok(None);
        };
        let renewal = renewal(&current, &self.settings);
        let written = self
            .api
            .replace(&self.name, &PostParams::default(), &renewal)
            .await?;
        Ok(Some(written))
    }

    /// The Lease as it is now, if it is still held: others may have left a word on it.
    async fn current(&self) -> kube::Result<Option<Lease>> {
        let current = self.api.get_opt(&self.name).await?;
        Ok(current.filter(|current| {
            holder(current) == Some(self.settings.identity.as_str())
                && is_same_tenure(current, &self.lease)
        }))
    }

    /// Gives the Lease back, so that another replica need not wait for its end. The tenure has
    /// [ended](Tenure::end): nothing is written any more.
    pub async fn release(self) {
        let (least, most) = RELEASED_WITHIN;
        let limit = self.settings.retry_period.clamp(least, most);
        match timeout(limit, self.write_release()).await {
            Ok(Ok(())) => info!(lease = %self.name, "released the lease"),
            Ok(Err(error)) => warn!(lease = %self.name, "failed to release the lease: {error}"),
            Err(_) => warn!(lease = %self.name, "failed to release the lease in time"),
        }
    }

    async fn write_release(&self) -> kube::Result<()> {
        let Some(current) = self.current().await? else {
            return Ok(());
        };
        let (params, free) = (PostParams::default(), freed(current));
        self.api.replace(&self.name, &params, &free).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::server::{Server, shard},
        *,
    };

    async fn taken(server: &Server) -> Held {
        let leases = server.leases("me");
        leases.take(shard(0, 1), None).await.unwrap().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_while_its_tenure_lasts() {
        let server = Server::default();
        let mut held = taken(&server).await;
        let _ = timeout(Duration::from_secs(21), held.hold()).await;
        assert_eq!(server.writes(), 1 + 10);
        assert!(held.tenure().holds());
    }

    /// Somebody may have taken it for dead, and act on that.
    #[tokio::test(start_paused = true)]
    async fn a_lease_that_nobody_took_is_not_renewed_once_its_tenure_has_ended() {
        let server = Server::default();
        let mut held = taken(&server).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        let lost = held.hold().await;
        assert!(lost.to_string().contains("not renewed"), "{lost}");
        assert_eq!(server.writes(), 1, "the one by which it was taken");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_another_took_and_gave_back_is_lost() {
        let server = Server::default();
        let mut held = taken(&server).await;
        server.change("leader", freed);
        let lost = held.hold().await;
        assert!(lost.to_string().contains("another replica"), "{lost}");
        assert_eq!(server.writes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_given_back_though_somebody_has_left_a_word_on_it() {
        let server = Server::default();
        let held = taken(&server).await;
        server.change("leader", |mut lease| {
            let word = (super::super::ANNOTATION_ASKED_BY.into(), "other".into());
            lease
                .metadata
                .annotations
                .get_or_insert_default()
                .extend([word]);
            lease
        });
        held.tenure().end().await;
        held.release().await;
        assert_eq!(server.holder("leader"), "");
    }
}
