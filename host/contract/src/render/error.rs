//! Why an object cannot be rendered.

/// Why an object cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The template sets a variable that tells a stream who it is.
    #[error(
        "StreamingJobTemplate {template}: {field} of container {container} sets {variable}, which is set for every stream: remove it from the template"
    )]
    ContractVariable {
        /// Namespace and name of the template.
        template: String,
        /// Path of the environment, from the template's root.
        field: String,
        /// Name of the container.
        container: String,
        /// The variable.
        variable: &'static str,
    },
    /// The definition does not name a Secret that its class asks for.
    #[error(
        "{kind} {stream}: spec.{field} is {found}, and StreamClass {class} lists {field} in secretRefs: set it to an object with the name of a Secret, such as {{\"name\": \"my-secret\"}}"
    )]
    SecretRef {
        /// Kind of the definition.
        kind: String,
        /// Namespace and name of the stream.
        stream: String,
        /// Name of the StreamClass.
        class: String,
        /// The field of the definition's spec.
        field: String,
        /// What the definition has there.
        found: String,
    },
}

impl Error {
    /// PascalCase reason, for conditions and events.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Error::ContractVariable { .. } => "TemplateSetsContractVariable",
            Error::SecretRef { .. } => "SecretRefInvalid",
        }
    }
}
