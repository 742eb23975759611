use arcane_contract::api::StreamClassSpec;
use arcane_plugins::source::{Part, assemble, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::room::{Room, Run};

fn manifests(text: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// What an operator makes of a class with the snippet that was told, and these ConfigMaps.
fn as_operator(run: &Run, maps: &[Value]) -> Vec<u8> {
    let snippet = run.err.split("In the StreamClass:\n").nth(1).unwrap();
    let mut spec: Value = serde_yaml_ng::from_str(snippet).unwrap();
    let mut spec = spec["spec"].take();
    for (key, value) in [("apiVersion", "v1"), ("kindRef", "K"), ("pluralName", "ks")] {
        spec[key] = json!(value);
    }
    let class: StreamClassSpec = serde_json::from_value(spec).unwrap();
    let plugin = class.plugin.unwrap();
    let reference = &plugin.config_map_ref;
    let values = reference.pieces().map(|(name, key)| {
        let named = |map: &&Value| {
            map["metadata"]["name"] == name
                && map["metadata"]["namespace"].as_str() == reference.namespace.as_deref()
        };
        let map = maps.iter().find(named).unwrap();
        STANDARD
            .decode(map["binaryData"][key].as_str().unwrap())
            .unwrap()
    });
    let values: Vec<_> = values.collect();
    let parts: Vec<_> = values.iter().map(|value| Part::Binary(value)).collect();
    let bytes = assemble(&parts, 32 << 20).unwrap();
    verify(&bytes, plugin.sha256.as_deref()).unwrap();
    bytes
}

#[test]
fn an_operator_finds_what_was_packed() {
    let component = arcane_guests::guest("everything").unwrap().bytes;
    for compression in ["zstd", "gzip", "none"] {
        let room = Room::new();
        room.guest("everything");
        let run = room
            .plugin(&format!(
                "pack everything.wasm --name shape --namespace arcane --key a.wasm --compress {compression}"
            ))
            .ends_with(0)
            .complains("kubectl apply --server-side -f -")
            .complains("in 1 ConfigMap\n");
        let maps = manifests(&run.out);
        assert_eq!(maps.len(), 1);
        assert_eq!(maps[0]["apiVersion"], "v1");
        assert_eq!(maps[0]["kind"], "ConfigMap");
        assert_eq!(as_operator(&run, &maps), component);
    }
}

#[test]
fn a_large_component_is_split_and_comes_back_whole() {
    let component = arcane_guests::guest("everything").unwrap().bytes;
    let room = Room::new();
    room.guest("everything");
    let run = room
        .plugin("pack everything.wasm --compress none --max-size 1KiB -o out")
        .ends_with(0)
        .says("out/everything.yaml\nout/everything-1.yaml\n")
        .complains("kubectl apply --server-side --namespace <the operator's> -f out");
    let maps = run.out.lines().flat_map(|name| manifests(&room.read(name)));
    let maps: Vec<_> = maps.collect();
    assert_eq!(maps.len(), component.len().div_ceil(1_024));
    let digest = verify(&component, None).unwrap();
    for (index, map) in maps.iter().enumerate() {
        let annotations = &map["metadata"]["annotations"];
        assert_eq!(
            annotations["arcane.sneaksanddata.com/plugin-part"],
            index.to_string()
        );
        assert_eq!(
            annotations["arcane.sneaksanddata.com/plugin-parts"],
            maps.len().to_string()
        );
        assert_eq!(
            annotations["arcane.sneaksanddata.com/plugin-sha256"],
            digest
        );
        assert_eq!(
            map["metadata"]["labels"]["app.kubernetes.io/name"],
            "everything"
        );
    }
    assert_eq!(as_operator(&run, &maps), component);
}

#[test]
fn packing_again_what_was_compressed_gives_the_same_manifests() {
    let component = arcane_guests::guest("patch").unwrap().bytes;
    let room = Room::new();
    room.write("a.wasm", &component);
    room.write("b.wasm.gz", arcane_guests::gzip(&component).unwrap());
    let plain = room.plugin("pack a.wasm").ends_with(0).out;
    assert_eq!(room.plugin("pack b.wasm.gz").ends_with(0).out, plain);
}

#[test]
fn what_would_not_work_is_not_packed() {
    let room = Room::new();
    room.guest("text").guest("patch").guest("wasi");
    room.plugin("pack text.wasm")
        .ends_with(1)
        .complains("no operator would take this into service (NotAComponent)");
    room.plugin("pack wasi.wasm")
        .ends_with(1)
        .complains("(ForbiddenImports)");
    room.plugin("pack patch.wasm --name Patch")
        .ends_with(2)
        .complains("--name is \"Patch\"");
    room.plugin("pack patch.wasm --namespace a.b").ends_with(2);
    room.plugin("pack patch.wasm --max-size 2MiB")
        .ends_with(2)
        .complains("1MiB");
    room.plugin("pack patch.wasm --max-size 10 --compress none")
        .ends_with(2)
        .complains("a class can name 101");
    room.plugin("pack patch.wasm --max-size many").ends_with(2);
    room.plugin("pack nothing.wasm").ends_with(3);
    room.write("file", "");
    room.plugin("pack patch.wasm -o file")
        .ends_with(3)
        .complains("file: cannot be written: ");
}
