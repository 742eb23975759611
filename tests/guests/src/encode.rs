//! From the text of a core module to a component.

use anyhow::Context as _;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The published version of the contract that guests are built against.
pub const VERSION: &str = "0.1.0";

/// The contract's files. Each begins by naming the package.
const FILES: [&str; 5] = [
    include_str!("../../../wit/0.1.0/types.wit"),
    include_str!("../../../wit/0.1.0/metadata.wit"),
    include_str!("../../../wit/0.1.0/renderer.wit"),
    include_str!("../../../wit/0.1.0/decider.wit"),
    include_str!("../../../wit/0.1.0/world.wit"),
];

/// Interfaces that are not the contract's, for guests that want more than they are given.
const FOREIGN: &str = "
package wasi:cli@0.2.0 { interface environment { get: func() -> u32; } }
package wasi:sockets@0.2.0 { interface network { open: func() -> u32; } }
package acme:gadgets { interface laser { fire: func() -> u32; } }
";

/// A component of the core module `text`, with the imports and exports that `world` names, each
/// as `import name` or `export name`, built against `version` of the contract.
pub(crate) fn component(text: &str, world: &str, version: &str) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve
        .push_str("contract.wit", &contract(version))
        .context("the contract")?;
    let package = resolve
        .push_str(
            "guest.wit",
            &format!("package arcane:guest;\nworld guest {{\n{world}\n}}\n{FOREIGN}"),
        )
        .with_context(|| format!("the world {world}"))?;
    let world = resolve.select_world(&[package], Some("guest"))?;
    let mut module = wat::parse_str(text).with_context(|| format!("the module {text}"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default()
        .module(&module)?
        .validate(true)
        .encode()
        .context("the component")
}

/// The contract as one text, as if it were published as `version`.
fn contract(version: &str) -> String {
    let mut text = format!("package arcane:stream-plugin@{version};\n");
    for file in FILES {
        text.extend(
            file.lines()
                .filter(|line| !line.starts_with("package "))
                .flat_map(|line| [line, "\n"]),
        );
    }
    text
}
