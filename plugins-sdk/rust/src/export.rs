//! From a [`Plugin`] to a component.

use crate::Plugin;

/// What [`export_plugin!`](crate::export_plugin) adds to a plugin.
#[doc(hidden)]
pub trait Exported: Plugin {
    /// `metadata.description.name`
    const NAME: &'static str;
    /// `metadata.description.version`
    const VERSION: &'static str;
    /// `metadata.description.hooks`
    const HOOKS: &'static [&'static str];
    /// `metadata.description.grants`, in snake case.
    const GRANTS: &'static [&'static str];
}

/// Whether the host takes a plugin of this name.
#[doc(hidden)]
pub const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 63
}

/// The contract's name of a grant: `service_accounts` is `serviceAccounts`.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut starts_word = false;
    for character in name.chars() {
        if character == '_' {
            starts_word = true;
            continue;
        }
        let upper = character.to_ascii_uppercase();
        camel.push(if starts_word { upper } else { character });
        starts_word = false;
    }
    camel
}

/// Makes the crate a plugin: once in a crate, at its root.
///
/// Takes the type that implements [`Plugin`], the hooks at which it wants to be asked, and the
/// grants that it needs beyond what every plugin may. Name and version are those of the package.
///
/// - Hooks: `render`, `stream_created`, `backfill_requested`, `schema_changed`, `spec_changed`,
///   `job_failed`, `job_completed`, `tick`. At least one.
/// - Grants: names of fields of a class's `spec.plugin.grants`, in snake case, such as `resources`.
///
/// ```
/// # use arcane_plugin_sdk::{NoConfig, Plugin, export_plugin};
/// struct Quiet;
/// impl Plugin for Quiet {
///     type Config = NoConfig;
///     const SUMMARY: &'static str = "Does nothing.";
/// }
/// export_plugin!(Quiet, hooks: [render, job_failed], grants: []);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_plugin {
    (
        $plugin:ty,
        hooks: [$($hook:ident),+ $(,)?]
        $(, grants: [$($grant:ident),* $(,)?])?
        $(,)?
    ) => {
        impl $crate::__private::Exported for $plugin {
            const NAME: &'static str = ::core::env!("CARGO_PKG_NAME");
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            const HOOKS: &'static [&'static str] = &[$($crate::__hook!($hook)),+];
            const GRANTS: &'static [&'static str] = &[$($(::core::stringify!($grant)),*)?];
        }

        const _: () = ::core::assert!(
            $crate::__private::is_name(::core::env!("CARGO_PKG_NAME")),
            "the name of a plugin's package has 1 to 63 characters of a-z, 0-9 and -"
        );

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type ArcaneComponent = $crate::__private::Component<$plugin>;
            $crate::bindings::export!(ArcaneComponent with_types_in $crate::bindings);
        };
    };
}

/// The contract's name of a hook.
#[doc(hidden)]
#[macro_export]
macro_rules! __hook {
    (render) => {
        "render"
    };
    (stream_created) => {
        "stream-created"
    };
    (backfill_requested) => {
        "backfill-requested"
    };
    (schema_changed) => {
        "schema-changed"
    };
    (spec_changed) => {
        "spec-changed"
    };
    (job_failed) => {
        "job-failed"
    };
    (job_completed) => {
        "job-completed"
    };
    (tick) => {
        "tick"
    };
    ($other:ident) => {
        ::core::compile_error!(::core::concat!(
            "there is no hook `",
            ::core::stringify!($other),
            "`; there are render, \
             stream_created, backfill_requested, schema_changed, spec_changed, job_failed, \
             job_completed and tick"
        ))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_named_as_in_a_class() {
        assert_eq!(camel_case("resources"), "resources");
        assert_eq!(camel_case("service_accounts"), "serviceAccounts");
        assert_eq!(camel_case("image_pull_secrets"), "imagePullSecrets");
    }

    #[test]
    fn names_are_those_that_the_host_takes() {
        assert!(is_name("right-size-2"));
        for name in ["", "right_size", "RightSize", "größe", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
