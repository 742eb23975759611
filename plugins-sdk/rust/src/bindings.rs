//! The contract's own types and functions, generated, and how they become those of this crate.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::unwrap_used)]

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "arcane_plugin_sdk::bindings",
});
