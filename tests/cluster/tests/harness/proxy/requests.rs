//! What goes wrong with requests and their answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Fault, Rule, eventually};
use kube::api::DeleteParams;
use serde_json::Value;

use super::{Bed, code, next};
use crate::support::SOON;

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
