//! A kind of StreamDefinitions.

use std::{
    hash::{Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

use kube::core::ApiResource;

/// A kind of StreamDefinitions, which is known only at run time. Every reference to a stream names it,
/// so it is cheap to clone, to compare and to hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionKind(Arc<ApiResource>);

impl From<ApiResource> for DefinitionKind {
    fn from(resource: ApiResource) -> Self {
        Self(Arc::new(resource))
    }
}

impl Deref for DefinitionKind {
    type Target = ApiResource;

    fn deref(&self) -> &ApiResource {
        &self.0
    }
}

impl Hash for DefinitionKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.kind.hash(state);
    }
}
