//! What a component imports and exports, for people. Whether that is fine is for the host to say.

use wasmparser::{Parser, Payload};

/// Names of what a component imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

/// Reads as much as there is to be read: nothing, of bytes that are no component.
#[must_use]
pub fn interfaces(component: &[u8]) -> Interfaces {
    let mut interfaces = Interfaces::default();
    // Modules and components that stand inside of the component are not what it is seen by.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 0 => {
                let names = section.into_iter().flatten();
                interfaces
                    .imports
                    .extend(names.map(|import| import.name.name.to_owned()));
            }
            Ok(Payload::ComponentExportSection(section)) if depth == 0 => {
                let names = section.into_iter().flatten();
                interfaces
                    .exports
                    .extend(names.map(|export| export.name.name.to_owned()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_component_have_no_interfaces() {
        for bytes in [
            &b""[..],
            b"text",
            b"\0asm\x01\0\0\0",
            b"\0asm\x0d\0\x01\0\x0b\xff",
        ] {
            assert_eq!(interfaces(bytes), Interfaces::default());
        }
    }
}
