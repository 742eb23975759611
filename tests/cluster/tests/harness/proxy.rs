//! The proxy does to a client what its rules say, and tells how often.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Fault, Proxy, Rule, eventually};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use crate::support::{Place, SOON};

/// A namespace, and two ways to it: around the proxy and through it.
struct Bed {
    place: Place,
    proxy: Proxy,
    through: Api<ConfigMap>,
}

impl Bed {
    async fn new() -> Result<Self> {
        let place = Place::new("proxy").await?;
        let accounts: Api<ServiceAccount> = place.api();
        let account = serde_json::from_value(json!({"metadata": {"name": "client"}}))?;
        accounts.create(&PostParams::default(), &account).await?;
        let bindings: Api<ClusterRoleBinding> = Api::all(place.client.clone());
        let binding = serde_json::from_value(json!({
            "metadata": {"name": place.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "client", "namespace": place.namespace}],
        }))?;
        bindings.create(&PostParams::default(), &binding).await?;
        let proxy = Proxy::start(place.cluster, &place.namespace, "client").await?;
        let through = Api::namespaced(client(&proxy).await?, &place.namespace);
        let bed = Self {
            place,
            proxy,
            through,
        };
        // The API server's authorizer learns of the binding by a watch.
        eventually("the account to have its rights", SOON, async || {
            bed.through.list(&ListParams::default()).await?;
            Ok(())
        })
        .await;
        Ok(bed)
    }

    fn around(&self) -> Api<ConfigMap> {
        self.place.api()
    }

    async fn create(&self, api: &Api<ConfigMap>, name: &str) -> kube::Result<ConfigMap> {
        let map = serde_json::from_value(json!({"metadata": {"name": name}}));
        api.create(
            &PostParams::default(),
            &map.map_err(kube::Error::SerdeError)?,
        )
        .await
    }

    async fn label(&self, name: &str, value: &str) -> Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"a": value}}}));
        self.around()
            .patch(name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    async fn names(&self, api: &Api<ConfigMap>) -> Result<Vec<String>> {
        let listed = api.list(&ListParams::default()).await?;
        let names = listed.items.iter().map(ResourceExt::name_any);
        // Every namespace is given this one by a controller.
        Ok(names.filter(|name| name != "kube-root-ca.crt").collect())
    }

    /// Types and names of events of a watch through the proxy, from now on.
    async fn watch(&self) -> Result<impl StreamExt<Item = Result<String>> + Unpin> {
        let version = self.around().list(&ListParams::default()).await?.metadata;
        let version = version.resource_version.context("a list has a version")?;
        let events = self
            .through
            .watch(&WatchParams::default(), &version)
            .await?;
        Ok(Box::pin(events.map(|event| {
            Ok(match event? {
                WatchEvent::Added(map) => format!("ADDED {}", map.name_any()),
                WatchEvent::Modified(map) => format!("MODIFIED {}", map.name_any()),
                WatchEvent::Deleted(map) => format!("DELETED {}", map.name_any()),
                WatchEvent::Bookmark(_) => "BOOKMARK".into(),
                WatchEvent::Error(status) => format!("ERROR {}", status.code),
            })
        })))
    }
}

/// Through the proxy, and every failure shows at once.
async fn client(proxy: &Proxy) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig())?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn next(events: &mut (impl StreamExt<Item = Result<String>> + Unpin)) -> Result<String> {
    let next = tokio::time::timeout(SOON, events.next()).await?;
    next.context("the watch has ended")?
}

fn code(result: kube::Result<ConfigMap>) -> Option<u16> {
    match result {
        Err(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

#[tokio::test]
async fn a_proxy_without_rules_passes_everything_on_in_the_clients_name() -> Result<()> {
    let bed = Bed::new().await?;
    let mark = bed.place.cluster.audit().mark().await?;
    let mut events = bed.watch().await?;
    bed.create(&bed.through, "a").await?;
    assert_eq!(next(&mut events).await?, "ADDED a");
    bed.through.delete("a", &DeleteParams::default()).await?;
    assert_eq!(next(&mut events).await?, "DELETED a");
    let record = bed.place.cluster.audit().since(mark).await?;
    let by_client = record.by_service_account(&bed.place.namespace, "client");
    assert_eq!(by_client.writes().len(), 2);
    assert_eq!(bed.proxy.writes(), 2);
    assert!(bed.proxy.injected().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_proxy_speaks_http_1_and_2() -> Result<()> {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let bed = Bed::new().await?;
    let config: Value = serde_json::from_slice(&std::fs::read(bed.proxy.kubeconfig())?)?;
    let server = config["clusters"][0]["cluster"]["server"]
        .as_str()
        .context("a server")?;
    let token = config["users"][0]["user"]["token"]
        .as_str()
        .context("a token")?;
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            bed.place.cluster.certificate_authority(),
        )?)?;
        let tls = rustls::ClientConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only();
        let connector = match version {
            http::Version::HTTP_2 => connector.enable_http2().build(),
            _ => connector.enable_http1().build(),
        };
        let client = Client::builder(TokioExecutor::new())
            .http2_only(version == http::Version::HTTP_2)
            .build::<_, Empty<bytes::Bytes>>(connector);
        let request = http::Request::get(format!("{server}/api/v1/namespaces"))
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::new())?;
        let response = client.request(request).await?;
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, version)
        );
        let body = response.into_body().collect().await?.to_bytes();
        assert!(String::from_utf8_lossy(&body).contains(&bed.place.namespace));
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_in_the_servers_place_is_given_as_often_as_asked_and_nothing_is_carried_out()
-> Result<()> {
    let bed = Bed::new().await?;
    for status in [409, 429, 500, 503] {
        let rule = Rule::new(Fault::Answer(status))
            .verbs(&["create"])
            .resource("configmaps");
        let rule = bed.proxy.inject(rule.name("a").at_most(1));
        assert_eq!(code(bed.create(&bed.through, "a").await), Some(status));
        assert_eq!(rule.count(), 1);
    }
    assert_eq!(bed.names(&bed.around()).await?, [""; 0]);
    bed.create(&bed.through, "a").await?;
    let names: Vec<_> = bed.proxy.injected().into_iter().collect();
    assert_eq!(names, [("409", 1), ("429", 1), ("500", 1), ("503", 1)]);
    Ok(())
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_server_has_carried_the_request_out() -> Result<()> {
    let bed = Bed::new().await?;
    let before = bed
        .proxy
        .inject(Rule::new(Fault::ResetBefore).writes().name("before"));
    let after = bed
        .proxy
        .inject(Rule::new(Fault::ResetAfter).writes().name("after"));
    for name in ["before", "after"] {
        let error = bed.create(&bed.through, name).await.expect_err("reset");
        assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    }
    assert_eq!(bed.names(&bed.around()).await?, ["after"]);
    assert_eq!((before.count(), after.count()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_delayed_is_carried_out_later_even_if_nobody_waits() -> Result<()> {
    const LATER: Duration = Duration::from_millis(400);
    let bed = Bed::new().await?;
    let delay = bed.proxy.inject(
        Rule::new(Fault::Delay(LATER))
            .writes()
            .resource("configmaps"),
    );
    let created = bed.create(&bed.through, "late");
    assert!(tokio::time::timeout(LATER / 4, created).await.is_err());
    assert_eq!(bed.names(&bed.around()).await?, [""; 0]);
    eventually("the late write", SOON, async || {
        let names = bed.names(&bed.around()).await?;
        ensure!(names == ["late"], "{names:?}");
        Ok(())
    })
    .await;
    assert_eq!(delay.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_slow_answer_comes_whole_in_the_end() -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let bed = Bed::new().await?;
    let map = bed.create(&bed.around(), "slow").await?;
    let bytes = serde_json::to_vec(&map)?.len();
    let rule = Rule::new(Fault::Drip(50, PAUSE)).verbs(&["get"]);
    let drip = bed.proxy.inject(rule.resource("configmaps"));
    let begun = Instant::now();
    assert_eq!(bed.through.get("slow").await?, map);
    let pieces = u32::try_from(bytes / 50)?;
    assert!(begun.elapsed() >= PAUSE * pieces, "{:?}", begun.elapsed());
    assert_eq!(drip.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_watch_is_cut_in_the_middle_of_an_event() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Cut(40)).resource("configmaps").at_most(1);
    let cut = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    assert_eq!(cut.count(), 0, "nothing has passed that could be cut");
    bed.create(&bed.around(), "a").await?;
    next(&mut events).await.expect_err("half an event");
    assert_eq!(cut.count(), 1);
    Ok(())
}

#[tokio::test]
async fn an_event_is_dropped_and_those_around_it_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Drop).resource("configmaps").name("b");
    let dropped = bed.proxy.inject(rule.events(&["ADDED"]));
    let mut events = bed.watch().await?;
    for name in ["a", "b", "c"] {
        bed.create(&bed.around(), name).await?;
    }
    bed.label("b", "1").await?;
    for expected in ["ADDED a", "ADDED c", "MODIFIED b"] {
        assert_eq!(next(&mut events).await?, expected);
    }
    assert_eq!(dropped.count(), 1);
    Ok(())
}

#[tokio::test]
async fn events_that_are_held_arrive_in_order_once_they_are_let_go() -> Result<()> {
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    let held = bed
        .proxy
        .inject(Rule::new(Fault::Hold).resource("configmaps").name("a"));
    for name in ["before", "a", "after"] {
        bed.create(&bed.around(), name).await?;
    }
    assert_eq!(next(&mut events).await?, "ADDED before");
    eventually("the event to be held", SOON, async || {
        ensure!(held.count() == 1, "{}", held.count());
        Ok(())
    })
    .await;
    let early = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    assert!(early.is_err(), "{early:?}");
    held.end();
    for expected in ["ADDED a", "ADDED after"] {
        assert_eq!(next(&mut events).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_late_arrives_so_much_later() -> Result<()> {
    const LATER: Duration = Duration::from_millis(300);
    let bed = Bed::new().await?;
    let late = bed
        .proxy
        .inject(Rule::new(Fault::Late(LATER)).resource("configmaps"));
    let mut events = bed.watch().await?;
    let begun = Instant::now();
    bed.create(&bed.around(), "a").await?;
    assert_eq!(next(&mut events).await?, "ADDED a");
    assert!(begun.elapsed() >= LATER);
    assert_eq!(late.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_watch_freezes_without_a_word_and_another_goes_on() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Freeze).resource("configmaps").at_most(1);
    let frozen = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    bed.create(&bed.around(), "a").await?;
    eventually("the watch to freeze", SOON, async || {
        ensure!(frozen.count() == 1, "{}", frozen.count());
        Ok(())
    })
    .await;
    let mut others = bed.watch().await?;
    bed.create(&bed.around(), "b").await?;
    assert_eq!(next(&mut others).await?, "ADDED b");
    let word = tokio::time::timeout(Duration::from_millis(100), events.next()).await;
    assert!(word.is_err(), "{word:?}");
    Ok(())
}

#[tokio::test]
async fn a_watch_is_told_that_its_history_is_gone_and_ends() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Gone).resource("configmaps").at_most(1);
    let gone = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    bed.create(&bed.around(), "a").await?;
    assert_eq!(next(&mut events).await?, "ERROR 410");
    assert!(events.next().await.is_none());
    assert_eq!(gone.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stale_list_is_the_first_one_again_and_a_watch_goes_on_from_there() -> Result<()> {
    let bed = Bed::new().await?;
    bed.create(&bed.around(), "old").await?;
    // A list with a limit is another question than the one that the bed has asked already.
    let limited = ListParams::default().limit(7);
    let first = bed.through.list(&limited).await?.metadata.resource_version;
    let params = WatchParams::default().initial_events();
    let list = async || {
        let events = bed.through.watch(&params, "0").await?;
        let names = events.try_filter_map(async |event| {
            Ok(match event {
                WatchEvent::Added(map) if map.name_any() != "kube-root-ca.crt" => {
                    Some(map.name_any())
                }
                WatchEvent::Bookmark(_) => Some("end".into()),
                _ => None,
            })
        });
        anyhow::Ok(Box::pin(names))
    };
    let mut names = list().await?;
    assert_eq!(names.try_next().await?.as_deref(), Some("old"));
    assert_eq!(names.try_next().await?.as_deref(), Some("end"));
    bed.create(&bed.around(), "new").await?;

    let stale = bed
        .proxy
        .inject(Rule::new(Fault::StaleList).resource("configmaps"));
    let again = bed.through.list(&limited).await?;
    assert_eq!(again.metadata.resource_version, first);
    let mut names = list().await?;
    for expected in ["old", "end", "new"] {
        assert_eq!(names.try_next().await?.as_deref(), Some(expected));
    }
    assert_eq!(stale.count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_gone_refuses_connections_and_comes_back_at_the_same_place() -> Result<()>
{
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    bed.proxy.go().await;
    let ended = tokio::time::timeout(SOON, events.next()).await?;
    assert!(
        ended.is_none_or(|event| event.is_err()),
        "its connection breaks"
    );
    let error = bed
        .create(&bed.through, "a")
        .await
        .expect_err("nobody listens");
    assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    bed.proxy.heal().await;
    bed.create(&bed.through, "a").await?;
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_is_silent_lets_nothing_pass_in_either_direction() -> Result<()> {
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    bed.proxy.silence();
    let created = bed.create(&bed.through, "lost");
    assert!(
        tokio::time::timeout(Duration::from_millis(200), created)
            .await
            .is_err()
    );
    bed.create(&bed.around(), "a").await?;
    let word = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    assert!(word.is_err(), "{word:?}");
    bed.proxy.heal().await;
    assert_eq!(next(&mut events).await?, "ADDED a");
    assert_eq!(bed.names(&bed.around()).await?, ["a"]);
    Ok(())
}

#[tokio::test]
async fn the_write_to_crash_at_is_carried_out_and_nothing_passes_after_it() -> Result<()> {
    let bed = Bed::new().await?;
    let crash = bed.proxy.crash_after(2);
    bed.create(&bed.through, "first").await?;
    let last = tokio::time::timeout(SOON, async {
        tokio::select! {
            answer = bed.create(&bed.through, "second") => panic!("answered: {answer:?}"),
            blown = crash => blown,
        }
    });
    last.await??;
    let third = bed.create(&bed.through, "third");
    assert!(
        tokio::time::timeout(Duration::from_millis(200), third)
            .await
            .is_err()
    );
    assert_eq!(bed.names(&bed.around()).await?, ["first", "second"]);
    bed.proxy.heal().await;
    bed.create(&bed.through, "third").await?;
    assert_eq!(bed.proxy.writes(), 3);
    Ok(())
}
