//! Where components come from.

use arcane_e2e::{Component, Definition, NAMESPACE, OPERATOR_USER, digest, encoded, shared};
use arcane_guests::{gzip, zstd};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::support::{Plugged, labelling, running, shape};

#[tokio::test]
async fn a_component_may_be_text_compressed_and_in_parts() {
    let plugged = Plugged::new(&labelling("raw"), json!({})).await;
    let Plugged { class, component } = &plugged;
    let text = labelling("text");
    component
        .hold(json!({"data": {"plugin.wasm": encoded(&text)}}))
        .await;
    class.wait_in_service(&text).await;
    let zipped = labelling("gzip");
    component.put(&gzip(&zipped).unwrap()).await;
    class.wait_in_service(&zipped).await;
    let packed = labelling("zstd");
    let content = encoded(&zstd(&packed).unwrap());
    component
        .hold(json!({"data": {"plugin.wasm": content}}))
        .await;
    class.wait_in_service(&packed).await;

    let parts = labelling("parts");
    let (first, rest) = parts.split_at(parts.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let other = Component::create(class.cluster(), second).await;
    component
        .hold(json!({
            "binaryData": {"plugin.wasm": encoded(first)},
            "data": {"end": encoded(third)},
        }))
        .await;
    class
        .change_class(json!({"plugin": {"configMapRef": {"parts": [
            {"name": other.name()}, {"name": component.name(), "key": "end"},
        ]}}}))
        .await;
    class.wait_in_service(&parts).await;
    let job = running(class, "orders").await.wait_streaming_job().await;
    assert_eq!(shape(&job), Some("parts"));

    // Whichever part changes, the whole is taken anew.
    other.put(b"else").await;
    class.wait_plugin_trouble("InvalidComponent", &[]).await;
    other.put(second).await;
    class.wait_in_service(&parts).await;
}

#[tokio::test]
async fn a_component_that_is_not_the_pinned_one_is_not_taken() {
    let (meant, found) = (labelling("meant"), labelling("found"));
    let pin = json!({"sha256": digest(&meant)});
    let Plugged { class, component } = Plugged::without_waiting(&found, pin, json!({})).await;
    let words = [&*digest(&meant), &*digest(&found), "sha256"];
    let status = class
        .wait_plugin_trouble("PluginDigestMismatch", &words)
        .await;
    assert!(status.is_null(), "{status}");
    let orders = class.create("orders", Definition::v2()).await;
    orders
        .wait_condition("Error", "True", &["not in service", &digest(&found)])
        .await;
    assert_eq!(orders.job().await, None);

    component.put(&meant).await;
    class.wait_in_service(&meant).await;
    orders.wait_phase("Backfilling").await;
    assert_eq!(
        shape(&orders.wait_job("a Job", |_| true).await),
        Some("meant")
    );

    // Somebody puts another one there: the pinned one stays.
    component.put(&found).await;
    let words = ["stays in service", &*digest(&meant)];
    let status = class
        .wait_plugin_trouble("PluginDigestMismatch", &words)
        .await;
    assert_eq!(status["digest"], digest(&meant));
    class
        .change_class(json!({"plugin": {"sha256": digest(&found)}}))
        .await;
    class.wait_in_service(&found).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_config_map_that_is_not_there_or_lacks_the_key_is_named_and_waited_for() {
    let shared = shared().await.unwrap();
    let component = Component::absent(shared.platform.cluster(), NAMESPACE).unwrap();
    let values = json!({"plugin": component.spec(&json!({}))});
    let class = shared.platform.plugin(&values).await.unwrap();
    let name = format!("{NAMESPACE}/{}", component.name());
    class
        .wait_plugin_trouble("ConfigMapNotFound", &[&name, "create it"])
        .await;
    let orders = class.create("orders", Definition::v2()).await;
    orders
        .wait_condition("Error", "True", &["not in service", &name])
        .await;
    orders
        .wait_condition("PluginHealthy", "False", &[&name])
        .await;
    assert_eq!(orders.job().await, None);

    let bytes = labelling("late");
    component
        .hold(json!({"binaryData": {"other.wasm": encoded(&bytes)}}))
        .await;
    let words = [&*name, "\"plugin.wasm\"", "other.wasm"];
    class
        .wait_plugin_trouble("ConfigMapKeyMissing", &words)
        .await;
    class
        .change_class(json!({"plugin": {"configMapRef": {"key": "other.wasm"}}}))
        .await;
    class.wait_in_service(&bytes).await;
    orders.wait_phase("Backfilling").await;
    assert_eq!(
        shape(&orders.wait_job("a Job", |_| true).await),
        Some("late")
    );
    orders.wait_condition("PluginHealthy", "True", &[]).await;

    // One that is deleted leaves in service what was loaded from it.
    component.delete().await;
    let status = class
        .wait_plugin_trouble("ConfigMapNotFound", &["stays in service"])
        .await;
    assert_eq!(status["digest"], digest(&bytes));
    orders.finish_job().await;
    orders.wait_phase("Running").await;
    assert_eq!(shape(&orders.wait_streaming_job().await), Some("late"));
    class.assert_clean().await;
}

#[tokio::test]
async fn a_namespace_that_is_no_name_does_not_become_part_of_an_address() {
    let shared = shared().await.unwrap();
    let mark = shared.platform.cluster().audit().mark().await.unwrap();
    let reference = json!({"namespace": "../../namespaces/kube-system", "name": "p"});
    let values = json!({"plugin": {"configMapRef": reference}});
    let class = shared.platform.plugin(&values).await.unwrap();
    let words = ["configMapRef.namespace", "kube-system", "no name"];
    class.wait_plugin_trouble("PluginSpecInvalid", &words).await;
    let record = shared.platform.cluster().audit().since(mark).await.unwrap();
    let asked = record
        .by_user(OPERATOR_USER)
        .in_namespace("kube-system")
        .filter(|request| request.resource == "configmaps");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_namespace_that_the_operator_may_not_read_is_told_with_what_to_grant() {
    let shared = shared().await.unwrap();
    let cluster = shared.platform.cluster();
    let foreign = cluster.namespace("team").await.unwrap();
    let component = Component::absent(cluster, &foreign).unwrap();
    let bytes = labelling("foreign");
    component.put(&bytes).await;
    let values = json!({"plugin": component.spec(&json!({}))});
    let class = shared.platform.plugin(&values).await.unwrap();
    let words = [&*foreign, "configmaps", "may not", "get, list and watch"];
    class
        .wait_plugin_trouble("ConfigMapsNotWatched", &words)
        .await;
    // The kind itself is served, and other classes do not notice.
    class.wait_ready().await;

    let client = cluster.client().unwrap();
    let roles: Api<Role> = Api::namespaced(client.clone(), &foreign);
    let role = json!({
        "metadata": {"name": "plugins"},
        "rules": [{
            "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"],
        }],
    });
    let role = serde_json::from_value(role).unwrap();
    roles.create(&PostParams::default(), &role).await.unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(client, &foreign);
    let binding = json!({
        "metadata": {"name": "plugins"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "plugins"},
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": OPERATOR_USER,
        }],
    });
    let binding = serde_json::from_value(binding).unwrap();
    bindings
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
    class.wait_in_service(&bytes).await;
    let job = running(&class, "orders").await.wait_streaming_job().await;
    assert_eq!(shape(&job), Some("foreign"));
}
