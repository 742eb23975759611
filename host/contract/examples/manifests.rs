//! Prints the files of `charts/arcane-host-crds/templates` as a JSON object of name and text, for
//! `cargo xtask generate`.

use std::collections::BTreeMap;

use arcane_contract::api::manifests;

fn main() -> Result<(), serde_json::Error> {
    let files: BTreeMap<_, _> = manifests().into_iter().collect();
    serde_json::to_writer(std::io::stdout(), &files)
}
