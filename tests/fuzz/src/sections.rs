//! Components as lists of sections.

/// What every component begins with.
pub const HEADER: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
/// The kind of section that holds a core module.
const CORE_MODULE: u8 = 1;
/// The kind of section that holds core instances.
const CORE_INSTANCES: u8 = 2;

/// The sections of a component, each with its kind and length; none if it is not made of sections.
pub fn split(component: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = component.strip_prefix(&HEADER)?;
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let (length, digits) = leb(rest.get(1..)?)?;
        let (section, after) = rest.split_at_checked(1 + digits + length)?;
        sections.push(section);
        rest = after;
    }
    Some(sections)
}

/// A component of these sections.
pub fn join<'a>(sections: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    sections
        .into_iter()
        .fold(HEADER.to_vec(), |mut all, section| {
            all.extend_from_slice(section);
            all
        })
}

/// A section that holds a core module.
pub fn core_module(module: &[u8]) -> Vec<u8> {
    let mut section = vec![CORE_MODULE];
    push_leb(&mut section, module.len());
    section.extend_from_slice(module);
    section
}

/// Adds a core module to `component`, and has it instantiated without any arguments: its `start`
/// runs whenever the component is started. None if `component` is not made of sections.
pub fn graft(component: &[u8], module: &[u8]) -> Option<Vec<u8>> {
    let modules = split(component)?
        .iter()
        .filter(|section| section[0] == CORE_MODULE)
        .count();
    let mut grafted = component.to_vec();
    grafted.extend(core_module(module));
    // One instance: of a module, by its number, with no arguments.
    let mut instance = vec![1, 0];
    push_leb(&mut instance, modules);
    instance.push(0);
    grafted.push(CORE_INSTANCES);
    push_leb(&mut grafted, instance.len());
    grafted.extend(instance);
    Some(grafted)
}

fn leb(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}

fn push_leb(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let digit = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            bytes.push(digit);
            return;
        }
        bytes.push(digit | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use arcane_plugins::PluginSettings;

    use super::*;
    use crate::targets::host;

    #[test]
    fn a_component_is_its_sections() {
        let component = arcane_guests::guest("everything").unwrap().bytes;
        let sections = split(&component).unwrap();
        assert!(sections.len() > 5);
        assert_eq!(join(sections), component);
        assert_eq!(split(b"\0asm"), None);
        assert_eq!(split(&component[..component.len() - 1]), None);
    }

    #[test]
    fn what_is_grafted_is_run() {
        let component = arcane_guests::guest("unchanged").unwrap().bytes;
        let host = host().unwrap();
        let load = |module: &[u8]| {
            let grafted = graft(&component, module).unwrap();
            host.load(&grafted, PluginSettings::default())
        };
        let empty = b"\0asm\x01\0\0\0";
        assert!(load(empty).is_ok());
        // A start function that executes `unreachable`.
        let traps = [
            empty.as_slice(),
            &[1, 4, 1, 0x60, 0, 0],
            &[3, 2, 1, 0],
            &[8, 1, 0],
            &[10, 5, 1, 3, 0, 0, 0x0b],
        ]
        .concat();
        assert_eq!(load(&traps).unwrap_err().reason(), "StartFailed");
    }
}
