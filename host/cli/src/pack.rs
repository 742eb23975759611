//! From a component to the ConfigMaps that hold it.

use std::collections::BTreeMap;
use std::io::Write as _;

use arcane_contract::api::{ConfigMapPart, ConfigMapRef, DEFAULT_PLUGIN_KEY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::yaml;

/// The most bytes that a ConfigMap can hold, all keys together.
pub const LARGEST: usize = 1 << 20;

/// Digest of the whole component, decompressed.
pub const ANNOTATION_DIGEST: &str = "arcane.sneaksanddata.com/plugin-sha256";
/// Which part of the component this is, counted from 0.
pub const ANNOTATION_PART: &str = "arcane.sneaksanddata.com/plugin-part";
/// How many parts there are.
pub const ANNOTATION_PARTS: &str = "arcane.sneaksanddata.com/plugin-parts";
/// The version that the plugin gives itself.
pub const ANNOTATION_VERSION: &str = "arcane.sneaksanddata.com/plugin-version";

/// The most ConfigMaps that a class can name for one component.
const MOST_PARTS: usize = 101;
/// The window that this level needs, 8 MiB, is well within what the host takes.
const ZSTD_LEVEL: i32 = 19;

/// How a component is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// With zstd, which makes it smallest.
    Zstd,
    /// With gzip.
    Gzip,
    /// Not at all.
    None,
}

/// Where a component goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name of the first ConfigMap, and the beginning of the names of all others.
    pub name: String,
    /// Their namespace; none to leave that to who applies them.
    pub namespace: Option<String>,
    /// The key in each of them.
    pub key: String,
    /// The most bytes of the component in one of them.
    pub maximum: usize,
}

/// What is said of a component in the metadata of its ConfigMaps.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Name and version that the plugin gives itself, where it could be asked.
    pub plugin: Option<(String, String)>,
    /// SHA-256 of the component, decompressed, in hex.
    pub digest: String,
}

/// A ConfigMap, as `kubectl` takes it.
#[derive(Debug, Clone)]
pub struct ConfigMap {
    metadata: Metadata,
    binary_data: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
}

impl ConfigMap {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The manifest, in the order in which people look for things.
    pub fn manifest(&self) -> String {
        let metadata = json!({ "metadata": self.metadata });
        let data = json!({ "binaryData": self.binary_data });
        format!(
            "apiVersion: v1\nkind: ConfigMap\n{}{}",
            yaml::print(&metadata),
            yaml::print(&data)
        )
    }
}

/// The bytes as they are stored.
///
/// # Errors
/// The compressing library failed.
pub fn compress(component: &[u8], compression: Compression) -> std::io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(component.to_vec()),
        Compression::Zstd => zstd::encode_all(component, ZSTD_LEVEL),
        Compression::Gzip => {
            let best = flate2::Compression::best();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), best);
            encoder.write_all(component)?;
            encoder.finish()
        }
    }
}

/// The ConfigMaps that hold `stored`, and how a class refers to them.
///
/// # Errors
/// Says which part of the target cannot be, and what can.
pub fn config_maps(
    stored: &[u8],
    target: &Target,
    identity: &Identity,
) -> Result<(Vec<ConfigMap>, ConfigMapRef), String> {
    let maximum = target.maximum;
    if !(1..=LARGEST).contains(&maximum) {
        return Err(format!(
            "--max-size is {maximum} bytes: give 1 byte to 1MiB, the most that a ConfigMap can hold"
        ));
    }
    let count = stored.len().div_ceil(maximum);
    if count > MOST_PARTS {
        return Err(format!(
            "--max-size {maximum} makes {count} ConfigMaps: a class can name {MOST_PARTS}, so give \
             a larger one"
        ));
    }
    check_name("--name", &target.name, 253 - "-100".len(), true)?;
    if let Some(namespace) = &target.namespace {
        check_name("--namespace", namespace, 63, false)?;
    }
    check_key(&target.key)?;

    let maps = stored.chunks(maximum).enumerate().map(|(index, part)| {
        let name = match index {
            0 => target.name.clone(),
            _ => format!("{}-{index}", target.name),
        };
        config_map(name, target, identity, part, (index, count))
    });
    let maps: Vec<_> = maps.collect();
    let key = Some(target.key.clone()).filter(|key| key != DEFAULT_PLUGIN_KEY);
    let parts = maps.iter().skip(1).map(|map| ConfigMapPart {
        name: map.metadata.name.clone(),
        key: key.clone(),
    });
    let reference = ConfigMapRef {
        name: target.name.clone(),
        namespace: target.namespace.clone(),
        key: key.clone(),
        parts: parts.collect(),
    };
    Ok((maps, reference))
}

fn config_map(
    name: String,
    target: &Target,
    identity: &Identity,
    part: &[u8],
    (index, count): (usize, usize),
) -> ConfigMap {
    let mut labels = BTreeMap::from([
        ("app.kubernetes.io/component", "plugin".to_owned()),
        ("app.kubernetes.io/part-of", "arcane".to_owned()),
    ]);
    let mut annotations = BTreeMap::from([
        (ANNOTATION_DIGEST, identity.digest.clone()),
        (ANNOTATION_PART, index.to_string()),
        (ANNOTATION_PARTS, count.to_string()),
    ]);
    if let Some((plugin, version)) = &identity.plugin {
        labels.insert("app.kubernetes.io/name", plugin.clone());
        annotations.insert(ANNOTATION_VERSION, version.clone());
    }
    ConfigMap {
        metadata: Metadata {
            name,
            namespace: target.namespace.clone(),
            labels,
            annotations,
        },
        binary_data: BTreeMap::from([(target.key.clone(), STANDARD.encode(part))]),
    }
}

/// Checks a name as the API server does: RFC 1123, with dots where `dots` allows them.
fn check_name(option: &str, name: &str, longest: usize, dots: bool) -> Result<(), String> {
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels: Vec<_> = name.split('.').collect();
    if name.len() <= longest && (dots || labels.len() == 1) && labels.into_iter().all(is_label) {
        return Ok(());
    }
    Err(format!(
        "{option} is {name:?}: give 1 to {longest} characters of a-z, 0-9 and -{}, beginning and \
         ending with a letter or digit",
        if dots { " and ." } else { "" }
    ))
}

fn check_key(key: &str) -> Result<(), String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if (1..=253).contains(&key.len())
        && key.chars().all(known)
        && !key.starts_with("..")
        && key != "."
    {
        return Ok(());
    }
    Err(format!(
        "--key is {key:?}: give 1 to 253 letters, digits, -, . and _"
    ))
}

#[cfg(test)]
mod tests {
    use arcane_plugins::source::{Part, assemble, verify};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn target(maximum: usize) -> Target {
        Target {
            name: "right-size".to_owned(),
            namespace: Some("arcane".to_owned()),
            key: DEFAULT_PLUGIN_KEY.to_owned(),
            maximum,
        }
    }

    fn identity(component: &[u8]) -> Identity {
        Identity {
            plugin: Some(("right-size".to_owned(), "1.0.0".to_owned())),
            digest: verify(component, None).unwrap(),
        }
    }

    #[test]
    fn each_part_says_which_it_is_and_what_it_belongs_to() {
        let component = vec![7; 25];
        let (maps, reference) =
            config_maps(&component, &target(10), &identity(&component)).unwrap();
        let maps: Vec<Value> = maps
            .iter()
            .map(|map| yaml::document("x", &map.manifest()).unwrap())
            .collect();
        let names: Vec<_> = maps.iter().map(|map| &map["metadata"]["name"]).collect();
        assert_eq!(names, ["right-size", "right-size-1", "right-size-2"]);
        let last = &maps[2]["metadata"];
        assert_eq!(last["annotations"][ANNOTATION_PART], "2");
        assert_eq!(last["annotations"][ANNOTATION_PARTS], "3");
        assert_eq!(last["annotations"][ANNOTATION_VERSION], "1.0.0");
        assert_eq!(
            last["annotations"][ANNOTATION_DIGEST],
            identity(&component).digest
        );
        assert_eq!(last["labels"]["app.kubernetes.io/name"], "right-size");
        let named: Vec<_> = reference.pieces().collect();
        let key = DEFAULT_PLUGIN_KEY;
        assert_eq!(
            named,
            [
                ("right-size", key),
                ("right-size-1", key),
                ("right-size-2", key)
            ]
        );
    }

    #[test]
    fn another_key_is_told_in_every_part_of_the_reference() {
        let mut target = target(10);
        target.key = "right-size.wasm".to_owned();
        let (maps, reference) = config_maps(&[7; 15], &target, &identity(&[7; 15])).unwrap();
        assert!(reference.pieces().all(|(_, key)| key == "right-size.wasm"));
        assert!(
            maps.iter()
                .all(|map| map.binary_data.contains_key("right-size.wasm"))
        );
    }

    #[test]
    fn what_the_api_server_would_refuse_is_refused_here() {
        let wrong = |change: fn(&mut Target), option: &str| {
            let mut target = target(10);
            change(&mut target);
            let error = config_maps(&[7; 25], &target, &identity(&[7])).unwrap_err();
            assert!(error.starts_with(option), "{error}");
        };
        wrong(|target| target.name = "Right".to_owned(), "--name");
        wrong(|target| target.name = "-a".to_owned(), "--name");
        wrong(|target| target.name = "a..b".to_owned(), "--name");
        wrong(|target| target.name = "a".repeat(250), "--name");
        wrong(
            |target| target.namespace = Some("a.b".to_owned()),
            "--namespace",
        );
        wrong(
            |target| target.namespace = Some(String::new()),
            "--namespace",
        );
        wrong(|target| target.key = "a/b".to_owned(), "--key");
        wrong(|target| target.key = "..".to_owned(), "--key");
        wrong(|target| target.maximum = 0, "--max-size");
        wrong(|target| target.maximum = LARGEST + 1, "--max-size");
        let many = config_maps(&[7; 102], &target(1), &identity(&[7])).unwrap_err();
        assert!(many.starts_with("--max-size"), "{many}");
    }

    proptest! {
        #[test]
        fn the_operator_gets_back_the_bytes_that_were_packed(
            component in prop::collection::vec(any::<u8>(), 1..3_000),
            maximum in 40_usize..1_000,
            compression in prop_oneof![
                Just(Compression::Zstd),
                Just(Compression::Gzip),
                Just(Compression::None),
            ],
        ) {
            // Bytes that look compressed are taken for that; a component begins with `\0asm`.
            let component = [b"\0asm".as_slice(), &component].concat();
            let stored = compress(&component, compression).unwrap();
            let identity = identity(&component);
            let (maps, reference) = config_maps(&stored, &target(maximum), &identity).unwrap();
            let values = reference.pieces().map(|(name, key)| {
                let map = maps.iter().find(|map| map.metadata.name == name).unwrap();
                STANDARD.decode(&map.binary_data[key]).unwrap()
            });
            let values: Vec<_> = values.collect();
            prop_assert!(values.iter().all(|value| value.len() <= maximum));
            let parts: Vec<_> = values.iter().map(|value| Part::Binary(value)).collect();
            let bytes = assemble(&parts, 1 << 20).unwrap();
            prop_assert_eq!(verify(&bytes, Some(&identity.digest)), Ok(identity.digest));
            prop_assert_eq!(bytes, component);
        }
    }
}
