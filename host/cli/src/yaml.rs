//! YAML and JSON that people wrote, and YAML for people.

mod print;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::exit::Failure;

pub use print::print;

/// The bytes of a file.
///
/// # Errors
/// Names the file and what the system says.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| cannot_read(path, &error))
}

/// The text of a file.
///
/// # Errors
/// Names the file and what the system says.
pub fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes(path)?).map_err(|_| {
        Failure::unreadable(format!(
            "{}: is not UTF-8 text: give a YAML or JSON file",
            path.display()
        ))
    })
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::unreadable(format!("{}: cannot be read: {error}", path.display()))
}

/// The documents of a YAML text that stands at `place`, merge keys resolved, empty ones left out.
///
/// # Errors
/// Names the place, and where in it the text is no YAML.
pub fn documents(place: &str, text: &str) -> Result<Vec<Value>, Failure> {
    let wrong = |error: serde_yaml_ng::Error| Failure::unreadable(format!("{place}: {error}"));
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let mut value = serde_yaml_ng::Value::deserialize(document).map_err(wrong)?;
        value.apply_merge().map_err(wrong)?;
        if !value.is_null() {
            documents.push(json(value).map_err(|what| {
                Failure::unreadable(format!("{place}: {what}: Kubernetes objects are JSON"))
            })?);
        }
    }
    Ok(documents)
}

/// The only document of a YAML text.
///
/// # Errors
/// As [`documents`], and if there are none or several.
pub fn document(place: &str, text: &str) -> Result<Value, Failure> {
    let mut documents = documents(place, text)?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => Ok(document),
        (None, _) => Err(Failure::unreadable(format!("{place}: is empty"))),
        (Some(_), more) => Err(Failure::unreadable(format!(
            "{place}: holds {} documents: give one",
            more + 1
        ))),
    }
}

/// What an option gives: YAML itself where it begins with `{`, else the name of a file.
///
/// # Errors
/// Names the file, or the option.
pub fn option(option: &str, given: &str) -> Result<Value, Failure> {
    if given.trim_start().starts_with('{') {
        document(option, given)
    } else {
        document(given, &text(Path::new(given))?)
    }
}

/// The object of `kind` in a file, which may hold objects of other kinds as well.
///
/// # Errors
/// Names the file and what it holds instead.
pub fn object(path: &Path, kind: &str) -> Result<Value, Failure> {
    let mut objects = objects(path, kind)?;
    match (objects.pop(), objects.len()) {
        (Some(object), 0) => Ok(object),
        (_, more) => Err(Failure::unreadable(format!(
            "{}: holds {} objects of kind {kind}: give a file with one",
            path.display(),
            more + 1
        ))),
    }
}

/// All objects of `kind` in a file, at least one.
///
/// # Errors
/// Names the file and what it holds instead.
pub fn objects(path: &Path, kind: &str) -> Result<Vec<Value>, Failure> {
    let place = path.display().to_string();
    let documents = documents(&place, &text(path)?)?;
    let (objects, others): (Vec<_>, Vec<_>) = documents
        .into_iter()
        .partition(|object| object["kind"] == kind);
    if !objects.is_empty() {
        return Ok(objects);
    }
    let found: Vec<_> = others
        .iter()
        .map(|other| other["kind"].to_string())
        .collect();
    let found = match found.as_slice() {
        [] => "is empty".to_owned(),
        kinds => format!("holds kind {}", kinds.join(", ")),
    };
    Err(Failure::unreadable(format!(
        "{place}: {found}: give a file with an object of kind {kind}"
    )))
}

/// A value of JSON as a type of the API.
///
/// # Errors
/// Names the place and what is wrong.
pub fn typed<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::unreadable(format!("{place}: {error}")))
}

/// The word by which YAML has an enum.
pub fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    let word = word.as_ref().and_then(Value::as_str);
    word.unwrap_or_default().to_owned()
}

fn json(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::Number(number) => serde_json::to_value(&number)
            .ok()
            .filter(|json| json.is_number())
            .ok_or_else(|| format!("the number {number} has no JSON form"))?,
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                object.insert(self::key(key)?, json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => return Err(format!("the tag {} has no JSON form", tagged.tag)),
    })
}

/// Keys that read as numbers or flags are texts, as `kubectl` takes them.
fn key(key: serde_yaml_ng::Value) -> Result<String, String> {
    use serde_yaml_ng::Value as Yaml;
    match key {
        Yaml::String(text) => Ok(text),
        Yaml::Bool(flag) => Ok(flag.to_string()),
        Yaml::Number(number) => Ok(number.to_string()),
        _ => Err("a key is neither text nor number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anchors_and_merge_keys_are_resolved() {
        let text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n";
        let document = document("x", text).unwrap();
        assert_eq!(document["more"], json!({"a": 1, "b": 3}));
    }

    #[test]
    fn what_json_cannot_say_is_refused_with_its_place() {
        for text in ["a: .nan", "a: !secret b", "? [1, 2]\n: b"] {
            let failure = documents("cases/x.yaml", text).unwrap_err();
            assert!(failure.message.starts_with("cases/x.yaml: "), "{failure:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_yaml_is_refused_with_its_line() {
        let failure = document("x.yaml", "a: 1\nb: [\n").unwrap_err();
        assert!(failure.message.starts_with("x.yaml: "), "{failure:?}");
        assert!(failure.message.contains("line"), "{failure:?}");
        let twice = document("x.yaml", "a: 1\na: 2\n").unwrap_err();
        assert!(twice.message.contains("duplicate"), "{twice:?}");
    }

    #[test]
    fn the_object_of_the_wanted_kind_is_found_among_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("all.yaml");
        std::fs::write(&path, "kind: A\nx: 1\n---\n---\nkind: B\nx: 2\n").unwrap();
        assert_eq!(object(&path, "B").unwrap()["x"], 2);
        let failure = object(&path, "C").unwrap_err();
        assert!(
            failure.message.ends_with(
                "all.yaml: holds kind \"A\", \"B\": give a file with an object of kind C"
            ),
            "{failure:?}"
        );
    }
}
