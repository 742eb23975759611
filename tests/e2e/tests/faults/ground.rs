//! Clusters for operators behind proxies, and operators on them. A control plane costs seconds, and
//! the tests use two of them in turn.

use std::time::Duration;

use anyhow::Result;
use arcane_cluster::{Cluster, Operator, OperatorBuilder, Proxy};
use arcane_contract::api::StreamingJobTemplate;
use arcane_e2e::{Component, NAMESPACE, Patience, Platform, Plugin, READY_WITHIN, STOPPED_WITHIN};
use arcane_guests::{Builder, Decide};
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// Faults take their time, and many streams wait side by side.
pub const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(120),
    look_every: Duration::from_millis(250),
};

/// The classes that streams of these tests are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No plugin.
    Plain,
    /// Its plugin wants no backfill that somebody asks for.
    Skips,
    /// Its plugin puts off for long what somebody asks for.
    Postpones,
    /// Its plugin starts again what has failed.
    Retries,
}

const KINDS: [Kind; 4] = [Kind::Plain, Kind::Skips, Kind::Postpones, Kind::Retries];

impl Kind {
    /// What its plugin answers, and when.
    fn decision(self) -> Option<(&'static str, Decide)> {
        const HOUR: u64 = 3600;
        match self {
            Kind::Plain => None,
            Kind::Skips => Some(("backfill-requested", Decide::Skip("not today".into()))),
            Kind::Postpones => {
                let answer = Decide::Postpone(HOUR, "busy hours".into());
                Some(("backfill-requested", answer))
            }
            Kind::Retries => Some(("job-failed", Decide::Restart(1, "it may help".into()))),
        }
    }
}

/// A class that is installed on a cluster.
struct Installed {
    kind: Kind,
    class: String,
    stream_kind: String,
    plural: String,
    /// Its plugin, if it has one.
    component: Option<Vec<u8>>,
}

impl Installed {
    async fn in_new_namespace(&self, cluster: &'static Cluster) -> Result<Plugin<'static>> {
        Plugin::bare(cluster, &self.class, &self.stream_kind, &self.plural).await
    }
}

/// What lasts from test to test; clients do not.
struct Prepared {
    classes: Vec<Installed>,
    templates: Vec<StreamingJobTemplate>,
}

/// A cluster that a test has to itself.
pub struct Ground {
    cluster: &'static Cluster,
    prepared: MutexGuard<'static, Option<Prepared>>,
}

struct Place {
    cluster: OnceCell<Cluster>,
    prepared: Mutex<Option<Prepared>>,
}

static PLACES: [Place; 2] = [const {
    Place {
        cluster: OnceCell::const_new(),
        prepared: Mutex::const_new(None),
    }
}; 2];

impl Ground {
    /// Waits for a cluster that no other test has.
    pub async fn take() -> Result<Self> {
        let [first, second] = &PLACES;
        let (place, mut prepared) = tokio::select! {
            biased;
            prepared = first.prepared.lock() => (first, prepared),
            prepared = second.prepared.lock() => (second, prepared),
        };
        let cluster = place.cluster.get_or_try_init(Cluster::start).await?;
        if prepared.is_none() {
            *prepared = Some(prepare(&Platform::install(cluster).await?).await?);
        }
        Ok(Self { cluster, prepared })
    }

    /// The platform there; no operator runs.
    pub async fn platform(&self) -> Result<Platform<'static>> {
        Platform::install(self.cluster).await
    }

    /// The cluster.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// A class of this kind in a new namespace with templates of its own.
    pub async fn plugin(&self, kind: Kind) -> Result<Plugin<'static>> {
        let Prepared { templates, .. } = self.prepared();
        let plugin = self.class(kind).in_new_namespace(self.cluster).await?;
        for template in templates {
            let api = plugin.api::<StreamingJobTemplate>();
            api.create(&PostParams::default(), template).await?;
        }
        Ok(plugin)
    }

    /// An operator behind this proxy that serves every class. It has one name, as a container that
    /// is restarted in its pod has: its lease is its own.
    pub async fn operator(&self, proxy: &Proxy) -> Result<Operator> {
        let mut operator = self.builder(proxy).start().await?;
        operator.wait_ready(READY_WITHIN).await?;
        Ok(operator)
    }

    /// Such an operator, to be started.
    pub fn builder(&self, proxy: &Proxy) -> OperatorBuilder<'static> {
        Operator::builder(self.cluster)
            .service_account(NAMESPACE, "arcane-host")
            .kubeconfig(proxy.kubeconfig())
            .env("POD_NAME", "arcane-host-0")
            .env("ARCANE_HOST__BACKOFF_INITIAL_SECONDS", "1")
            .env("ARCANE_HOST__BACKOFF_MAXIMUM_SECONDS", "8")
            .env("ARCANE_HOST__LOG_LEVEL", "info,arcane_host=debug")
    }

    /// Waits until an operator serves every class, with its plugin.
    pub async fn wait_served(&self) -> Result<()> {
        for class in &self.prepared().classes {
            let plugin = class.in_new_namespace(self.cluster).await?;
            plugin.wait_ready().await;
            if let Some(component) = &class.component {
                plugin.wait_in_service(component).await;
            }
        }
        Ok(())
    }

    fn class(&self, kind: Kind) -> &Installed {
        let mut classes = self.prepared().classes.iter();
        let found = classes.find(|class| class.kind == kind);
        found.expect("every kind is installed")
    }

    fn prepared(&self) -> &Prepared {
        self.prepared.as_ref().expect("prepared when it was taken")
    }
}

/// A proxy for operators on this cluster.
pub async fn proxy(ground: &Ground) -> Result<Proxy> {
    Proxy::start(ground.cluster, NAMESPACE, "arcane-host").await
}

async fn prepare(platform: &Platform<'static>) -> Result<Prepared> {
    let mut prepared = Prepared {
        classes: Vec::new(),
        templates: Vec::new(),
    };
    for kind in KINDS {
        let (values, component) = match kind.decision() {
            None => (json!({}), None),
            Some((hook, answer)) => {
                let built = Builder::new("decider")
                    .decide(answer)
                    .describe(|said| said.hooks = vec![hook.to_owned()])
                    .build()?;
                let component = Component::create(platform.cluster(), &built).await;
                let values = json!({"plugin": component.spec(&json!({}))});
                (values, Some(built))
            }
        };
        let plugin = platform.plugin(&values).await?;
        if prepared.templates.is_empty() {
            let templates = plugin.api::<StreamingJobTemplate>();
            for template in templates.list(&ListParams::default()).await? {
                let fresh = StreamingJobTemplate::new(&template.name_any(), template.spec);
                prepared.templates.push(fresh);
            }
        }
        prepared.classes.push(Installed {
            kind,
            class: plugin.class().to_owned(),
            stream_kind: plugin.kind().kind.clone(),
            plural: plugin.kind().plural.clone(),
            component,
        });
    }
    Ok(prepared)
}

/// Ends an operator in good order: its lease is free at once.
pub async fn stop(operator: Operator) -> Result<()> {
    operator.stop(STOPPED_WITHIN).await?;
    Ok(())
}
