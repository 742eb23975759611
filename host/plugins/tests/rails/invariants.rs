//! What holds for every Job that is accepted, checked without the table.

use std::collections::{BTreeMap, BTreeSet};

use arcane_contract::api::PluginGrants;
use arcane_contract::quantity::Amount;
use serde_json::{Value, json};

/// What is wrong with `proposed` in place of `given`, with nothing but `grants` in force.
pub fn broken(given: &Value, proposed: &Value, grants: &PluginGrants) -> Vec<String> {
    let mut broken = Vec::new();
    let mut hold = |what: &str, holds: bool| {
        if !holds {
            broken.push(what.to_owned());
        }
    };
    hold("identity", identity(given) == identity(proposed));
    hold("one pod", !waits(given) || waits(proposed));
    hold("grace period", grace_is_bounded(proposed));

    let [before, after] = [given, proposed].map(|job| &job["spec"]["template"]["spec"]);
    hold(
        "streams run",
        names(before, "containers").is_subset(&names(after, "containers")),
    );
    hold(
        "containers",
        grants.containers || all_names(before) == all_names(after),
    );
    for name in names(before, "containers") {
        let [old, new] = [before, after].map(|pod| container(pod, &name));
        hold("contract variables", contract(&old) == contract(&new));
        hold("expanded variables", expanded(&old) == expanded(&new));
        let begins_contract = |source: &Value| {
            let prefix = source["prefix"].as_str().unwrap_or_default();
            !prefix.is_empty() && "STREAMCONTEXT__".starts_with(prefix)
        };
        hold(
            "prefixes",
            !entries(&new["envFrom"]).iter().any(begins_contract),
        );
        hold(
            "sources of variables",
            entries(&new["envFrom"]).ends_with(&entries(&old["envFrom"])),
        );
    }

    for flag in ["hostNetwork", "hostPID", "hostIPC"] {
        hold(
            flag,
            grants.host_namespaces || before[flag] == true || after[flag] != true,
        );
    }
    hold(
        "users of the node",
        grants.host_namespaces || before["hostUsers"] != false || after["hostUsers"] == false,
    );
    hold(
        "ports of the node",
        grants.host_namespaces || ports(after).is_subset(&ports(before)),
    );
    hold(
        "shared processes",
        grants.security_context
            || before["shareProcessNamespace"] == true
            || after["shareProcessNamespace"] != true,
    );

    let privileged = |pod: &Value| {
        flat(pod)
            .filter(|container| container["securityContext"]["privileged"] == true)
            .map(|container| container["name"].to_string())
            .collect::<BTreeSet<_>>()
    };
    hold(
        "privileged",
        grants.privileged || privileged(after).is_subset(&privileged(before)),
    );
    if !grants.security_context {
        for new in flat(after) {
            let name = new["name"].as_str().unwrap_or_default();
            let mut old = container(before, name);
            if old.is_null() {
                old = before["containers"][0].clone();
            }
            let non_root = |pod: &Value, container: &Value| {
                effective(pod, container, "runAsNonRoot") == json!(true)
            };
            hold("non-root", !non_root(before, &old) || non_root(after, new));
            let user = |pod, container| effective(pod, container, "runAsUser");
            hold("user", user(before, &old) == user(after, new));
            let escalates = |container: &Value| {
                container["securityContext"]["allowPrivilegeEscalation"] != false
            };
            hold("escalation", escalates(&old) || !escalates(new));
            let profile =
                |pod, container| effective(pod, container, "seccompProfile")["type"].clone();
            hold(
                "seccomp",
                profile(before, &old) != "RuntimeDefault"
                    || profile(after, new) == "RuntimeDefault",
            );
        }
        hold(
            "group of files",
            before["securityContext"]["fsGroup"] == after["securityContext"]["fsGroup"],
        );
    }
    if grants.capabilities.is_empty() {
        for new in flat(after) {
            let mut old = container(before, new["name"].as_str().unwrap_or_default());
            if old.is_null() {
                old = before["containers"][0].clone();
            }
            let of = |container: &Value, list: &str| {
                texts(&container["securityContext"]["capabilities"][list])
            };
            hold("capabilities", of(new, "add").is_subset(&of(&old, "add")));
            let dropped = of(new, "drop");
            hold(
                "dropped",
                dropped.contains("ALL") || of(&old, "drop").is_subset(&dropped),
            );
        }
    }
    hold(
        "sysctls",
        !grants.sysctls.is_empty() || {
            let of = |pod: &Value| entries(&pod["securityContext"]["sysctls"]);
            of(after).iter().all(|sysctl| of(before).contains(sysctl))
        },
    );

    let images = |pod: &Value| {
        flat(pod)
            .map(|container| container["image"].as_str().unwrap_or_default().to_owned())
            .collect::<BTreeSet<_>>()
    };
    hold(
        "images",
        !grants.images.is_empty() || images(after).is_subset(&images(before)),
    );
    let secrets = |pod: &Value| {
        mentioned(
            pod,
            &[
                "secret",
                "secretRef",
                "secretKeyRef",
                "nodePublishSecretRef",
            ],
        )
    };
    hold(
        "secrets",
        !grants.secrets.is_empty() || secrets(after).is_subset(&secrets(before)),
    );
    let maps = |pod: &Value| mentioned(pod, &["configMap", "configMapRef", "configMapKeyRef"]);
    hold(
        "config maps",
        !grants.config_maps.is_empty() || maps(after).is_subset(&maps(before)),
    );
    let claims = |pod: &Value| mentioned(pod, &["persistentVolumeClaim"]);
    hold(
        "claims",
        !grants.persistent_volume_claims.is_empty() || claims(after).is_subset(&claims(before)),
    );
    let types = |pod: &Value| {
        entries(&pod["volumes"])
            .iter()
            .filter_map(Value::as_object)
            .flat_map(|volume| {
                volume
                    .iter()
                    .filter(|(_, source)| !source.is_null())
                    .map(|(kind, _)| kind.clone())
            })
            .filter(|kind| {
                !matches!(
                    kind.as_str(),
                    "name" | "secret" | "configMap" | "projected" | "persistentVolumeClaim"
                )
            })
            .collect::<BTreeSet<_>>()
    };
    hold(
        "types of volumes",
        !grants.volumes.is_empty() || types(after).is_subset(&types(before)),
    );
    let tokens = |pod: &Value| pod.to_string().matches("\"serviceAccountToken\":{").count() > 0;
    hold(
        "tokens",
        grants.service_account_token || !tokens(after) || tokens(before),
    );
    hold(
        "mounted token",
        grants.service_account_token
            || before["automountServiceAccountToken"] != false
            || after["automountServiceAccountToken"] == false,
    );
    let mounts_of_data = |pod: &Value| {
        flat(pod)
            .flat_map(|container| {
                let mounts = entries(&container["volumeMounts"]).into_iter();
                mounts.map(|mount| (container["name"].clone(), mount))
            })
            .filter(|(_, mount)| mount["name"] == "data")
            .map(|(container, mount)| {
                let how = ["subPath", "subPathExpr", "readOnly"]
                    .map(|field| Some(mount[field].clone()).filter(|value| value != ""));
                json!([container, how]).to_string()
            })
            .collect::<BTreeSet<_>>()
    };
    hold(
        "the data is mounted as before",
        !grants.persistent_volume_claims.is_empty()
            || !grants.volumes.is_empty()
            || mounts_of_data(after).is_subset(&mounts_of_data(before)),
    );

    let same = |fields: &[&str]| fields.iter().all(|field| before[field] == after[field]);
    hold(
        "account",
        !grants.service_accounts.is_empty() || account(before) == account(after),
    );
    hold(
        "sandbox",
        !grants.runtime_classes.is_empty() || same(&["runtimeClassName"]),
    );
    hold(
        "priority",
        !grants.priority_classes.is_empty() || same(&["priorityClassName"]),
    );
    hold(
        "placement",
        grants.placement || same(&["nodeSelector", "nodeName", "tolerations", "schedulerName"]),
    );
    hold(
        "names",
        grants.dns
            || same(&[
                "dnsPolicy",
                "dnsConfig",
                "hostAliases",
                "hostname",
                "subdomain",
            ]),
    );
    if !grants.commands {
        for new in flat(after) {
            let old = container(before, new["name"].as_str().unwrap_or_default());
            hold("command", old["command"] == new["command"]);
            hold(
                "hooks",
                !new["lifecycle"].to_string().contains("\"exec\":{"),
            );
        }
    }
    for name in names(before, "containers") {
        for resource in ["cpu", "memory"] {
            let limit = |pod: &Value| {
                let value = container(pod, &name)["resources"]["limits"][resource].clone();
                Amount::from_json(&value)
                    .ok()
                    .filter(|amount| *amount > Amount::ZERO)
            };
            let ceiling = grants
                .resources
                .get(resource)
                .and_then(|text| Amount::parse(&text.0).ok());
            let most = limit(before).max(ceiling);
            let request = |pod: &Value| {
                let resources = container(pod, &name)["resources"].clone();
                let of = |list: &str| match resources[list].get(resource)? {
                    // As the API server reads it, which then takes no limit for a request.
                    Value::Null => Some(Amount::ZERO),
                    quantity => Amount::from_json(quantity).ok(),
                };
                of("requests").or_else(|| of("limits"))
            };
            hold("requests", request(after) <= request(before).max(ceiling));
            hold(
                "limits",
                limit(after).is_some_and(|limit| Some(limit) <= most),
            );
        }
    }
    broken
}

fn identity(job: &Value) -> Value {
    let reserved = |fields: &Value| {
        let fields = fields.as_object().cloned().unwrap_or_default();
        fields
            .into_iter()
            .filter(|(key, _)| {
                key.contains("arcane") || key == "configuration-hash" || key.contains("job-name")
            })
            .collect::<BTreeMap<_, _>>()
    };
    let whose = [
        "name",
        "namespace",
        "generateName",
        "ownerReferences",
        "finalizers",
    ];
    let of = |metadata: &Value| {
        json!({
            "labels": reserved(&metadata["labels"]),
            "annotations": reserved(&metadata["annotations"]),
            "tier": metadata["labels"]["tier"],
            "rest": (whose.map(|field| metadata[field].clone())),
        })
    };
    let spec = [
        "parallelism",
        "completions",
        "completionMode",
        "suspend",
        "selector",
        "manualSelector",
        "managedBy",
        "ttlSecondsAfterFinished",
        "successPolicy",
    ];
    json!({
        "kind": [job["apiVersion"], job["kind"]],
        "metadata": of(&job["metadata"]),
        "pod": of(&job["spec"]["template"]["metadata"]),
        "spec": (spec.map(|field| job["spec"][field].clone())),
        "restart": job["spec"]["template"]["spec"]["restartPolicy"],
    })
}

fn account(pod: &Value) -> &Value {
    match &pod["serviceAccountName"] {
        Value::Null => &pod["serviceAccount"],
        name => name,
    }
}

fn waits(job: &Value) -> bool {
    let spec = &job["spec"];
    spec["podReplacementPolicy"] == "Failed"
        || spec["podReplacementPolicy"].is_null() && !spec["podFailurePolicy"].is_null()
}

fn grace_is_bounded(job: &Value) -> bool {
    let seconds = &job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    seconds.is_null()
        || seconds
            .as_i64()
            .is_some_and(|seconds| (1..=600).contains(&seconds))
}

fn entries(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn texts(value: &Value) -> BTreeSet<String> {
    entries(value)
        .iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn flat(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["containers", "initContainers"];
    lists
        .into_iter()
        .flat_map(|list| pod[list].as_array().into_iter().flatten())
}

fn names(pod: &Value, list: &str) -> BTreeSet<String> {
    entries(&pod[list])
        .iter()
        .map(|container| container["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn all_names(pod: &Value) -> Vec<&Value> {
    flat(pod).map(|container| &container["name"]).collect()
}

fn container(pod: &Value, name: &str) -> Value {
    flat(pod)
        .find(|container| container["name"] == name)
        .cloned()
        .unwrap_or_default()
}

fn effective(pod: &Value, container: &Value, field: &str) -> Value {
    match &container["securityContext"][field] {
        Value::Null => pod["securityContext"][field].clone(),
        own => own.clone(),
    }
}

fn contract(container: &Value) -> Vec<Value> {
    let is_contract = |entry: &Value| {
        entry["name"]
            .as_str()
            .is_some_and(|name| name.to_uppercase().starts_with("STREAMCONTEXT__"))
    };
    entries(&container["env"])
        .into_iter()
        .filter(is_contract)
        .collect()
}

/// The contract's variables and the paths of volumes as the kubelet would make them.
fn expanded(container: &Value) -> Vec<String> {
    let mut known = BTreeMap::new();
    let mut contract = Vec::new();
    let expand = |text: &str, known: &BTreeMap<String, String>| {
        known.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("$({name})"), value)
        })
    };
    for entry in entries(&container["env"]) {
        let name = entry["name"].as_str().unwrap_or_default().to_owned();
        let value = expand(entry["value"].as_str().unwrap_or_default(), &known);
        if name.starts_with("STREAMCONTEXT__") {
            contract.push(value.clone());
        }
        known.insert(name, value);
    }
    contract.push(known.get("TENANT").cloned().unwrap_or_default());
    contract
}

fn ports(pod: &Value) -> BTreeSet<String> {
    flat(pod)
        .flat_map(|container| entries(&container["ports"]))
        .map(|port| port["hostPort"].to_string())
        .filter(|port| port != "null" && port != "0")
        .collect()
}

/// Names of the objects that fields of the given names refer to, anywhere in what can refer to one:
/// volumes, and containers' variables.
fn mentioned(pod: &Value, fields: &[&str]) -> BTreeSet<String> {
    let variables = flat(pod).flat_map(|container| [&container["env"], &container["envFrom"]]);
    std::iter::once(&pod["volumes"])
        .chain(variables)
        .flat_map(|place| mentioned_in(place, fields))
        .collect()
}

fn mentioned_in(value: &Value, fields: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        Value::Object(object) => {
            for (field, value) in object {
                if fields.contains(&field.as_str()) && value.is_object() {
                    for name in ["name", "secretName", "claimName"] {
                        if let Some(name) = value[name].as_str() {
                            found.insert(name.to_owned());
                        }
                    }
                }
                found.extend(mentioned_in(value, fields));
            }
        }
        Value::Array(entries) => {
            found.extend(entries.iter().flat_map(|entry| mentioned_in(entry, fields)))
        }
        _ => {}
    }
    found
}
