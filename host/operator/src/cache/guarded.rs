//! Objects of kinds that anybody may write, read in such a way that none hides the others.

use std::borrow::Cow;

use arcane_contract::bounded::Bounded;
use kube::{
    Resource,
    api::ObjectMeta,
    core::{DeserializeGuard, error_boundary::InvalidObject},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};

/// An object, or why it cannot be read.
#[derive(Clone, Debug)]
pub struct Guarded<K> {
    /// The object. What is nested too deep in it is null.
    pub object: DeserializeGuard<K>,
    /// Something was.
    pub is_too_deep: bool,
}

impl<K> Guarded<K> {
    /// The object, or what is wrong with it; too deep a nesting is.
    pub fn read(self) -> Result<K, Box<InvalidObject>>
    where
        K: Resource,
    {
        let is_too_deep = self.is_too_deep;
        match self.object.0 {
            Ok(object) if is_too_deep => Err(Box::new(InvalidObject {
                error: TOO_DEEP.into(),
                metadata: object.meta().clone(),
            })),
            read => read.map_err(Box::new),
        }
    }
}

/// What is wrong with an object that is nested too deep.
pub const TOO_DEEP: &str = "spec is nested deeper than the 100 levels that are read";

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Bounded { value, is_too_deep } = Bounded::deserialize(deserializer)?;
        let object = serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(Self {
            object,
            is_too_deep,
        })
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &K::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &K::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &K::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn plural(kind: &K::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        self.object.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.object.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use arcane_contract::api::BackfillRequest;

    use super::*;

    #[test]
    fn an_object_that_is_too_deep_is_known_by_what_can_be_read_of_it() {
        let tower = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let text = format!(
            r#"{{"metadata": {{"name": "r"}}, "spec": {{
                "streamClass": "c", "streamId": "s", "payload": {{"deep": {tower}}}
            }}}}"#
        );
        let guarded: Guarded<BackfillRequest> = serde_json::from_str(&text).unwrap();
        assert!(guarded.is_too_deep);
        assert_eq!(guarded.object.0.as_ref().unwrap().spec.stream_id, "s");
        let invalid = guarded.read().unwrap_err();
        assert_eq!(invalid.metadata.name.as_deref(), Some("r"));
    }
}
