//! Names of functions, for the traces of traps, in less room: compilers write out every type that a
//! function was made for, which is a fifth of a plugin.

use wasmparser::{BinaryReader, Name, NameSectionReader};

const CUSTOM: u8 = 0;
/// The names of functions within the section of names.
const FUNCTIONS: u8 = 1;

/// The module with its functions named for people; none where it is not a module, or names nothing.
pub(crate) fn shortened(module: &[u8]) -> Option<Vec<u8>> {
    let mut out = module.get(..8)?.to_vec();
    let mut reader = BinaryReader::new(module.get(8..)?, 8);
    let mut has_names = false;
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8().ok()?;
        let size = reader.read_var_u32().ok()?;
        let content = reader.read_bytes(usize::try_from(size).ok()?).ok()?;
        match (id == CUSTOM).then(|| functions(content)).flatten() {
            Some(functions) => {
                has_names = true;
                section(&mut out, &functions);
            }
            None => out.extend(module.get(8 + start..8 + reader.current_position())?),
        }
    }
    has_names.then_some(out)
}

/// Index and short name of every function, if this is what a section of names has.
fn functions(content: &[u8]) -> Option<Vec<(u32, String)>> {
    let mut reader = BinaryReader::new(content, 0);
    if reader.read_string().ok()? != "name" {
        return None;
    }
    let names = NameSectionReader::new(BinaryReader::new(
        reader.read_bytes(reader.bytes_remaining()).ok()?,
        0,
    ));
    for names in names {
        if let Name::Function(map) = names.ok()? {
            return map
                .into_iter()
                .map(|naming| naming.map(|naming| (naming.index, short(naming.name))).ok())
                .collect();
        }
    }
    None
}

fn section(out: &mut Vec<u8>, functions: &[(u32, String)]) {
    let mut map = Vec::new();
    number(&mut map, functions.len());
    for (index, name) in functions {
        number(&mut map, *index as usize);
        text(&mut map, name);
    }
    let mut content = Vec::new();
    text(&mut content, "name");
    content.push(FUNCTIONS);
    number(&mut content, map.len());
    content.extend(map);
    out.push(CUSTOM);
    number(out, content.len());
    out.extend(content);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len());
    out.extend(text.as_bytes());
}

/// LEB128, as WebAssembly writes numbers.
fn number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// `<Vec as Extend>::extend` for what is mangled of `<Vec<u8> as Extend<u8>>::extend::<Once<u8>>`.
fn short(mangled: &str) -> String {
    let full = format!("{:#}", rustc_demangle::demangle(mangled));
    let mut short = String::new();
    // For every `<` that is open: whether what it holds is kept.
    let mut open: Vec<bool> = Vec::new();
    let mut before = ' ';
    for character in full.chars() {
        let is_kept = open.last().copied().unwrap_or(true);
        match character {
            '<' => {
                // Behind a name it holds arguments, else the type and trait that a function is of.
                let is_of = !before.is_alphanumeric() && !matches!(before, '_' | ':' | '}');
                open.push(is_kept && is_of);
                if is_kept && is_of {
                    short.push('<');
                } else if is_kept {
                    short.truncate(short.trim_end_matches(':').len());
                }
            }
            '>' if before != '-' => {
                open.pop();
                if is_kept {
                    short.push('>');
                }
            }
            other if is_kept => short.push(other),
            _ => {}
        }
        before = character;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_a_function_was_made_for_are_left_out() {
        let of_value = "_RINvXNtNtCs1x7BgSzriSg_10serde_json5value3serNtB5_5ValueNtNtCs9FIqYFgI2Je_10serde_core3ser9Serialize9serializeQINtNtB7_3ser10SerializerNtB7_5ErrorEEB7_";
        assert_eq!(
            short(of_value),
            "<serde_json::value::Value as serde_core::ser::Serialize>::serialize"
        );
        assert_eq!(
            short("_RINvNtCs1234_7mycrate3foo3barNtB4_3BazEB4_"),
            "mycrate::foo::bar"
        );
        assert_eq!(
            short("arcane:stream-plugin/ticker@0.1.0#next-tick"),
            "arcane:stream-plugin/ticker@0.1.0#next-tick"
        );
        assert_eq!(short("memcmp"), "memcmp");
    }

    #[test]
    fn only_the_names_change() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        let other = [0, 3, 1, b'x', 7];
        module.extend(other);
        section(
            &mut module,
            &[(300, "_RNvNtCs1234_7mycrate3foo3bar".into())],
        );
        module.extend(other);
        let shortened = shortened(&module).unwrap();
        assert!(shortened.starts_with(&module[..13]) && shortened.ends_with(&other));
        assert_eq!(
            functions_of(&shortened),
            [(300, "mycrate::foo::bar".into())]
        );
        assert_eq!(super::shortened(&shortened), Some(shortened));
    }

    #[test]
    fn what_names_nothing_is_left_alone() {
        for bytes in [
            &b""[..],
            b"\0asm\x01\0\0\0",
            b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\x0f",
        ] {
            assert_eq!(shortened(bytes), None);
        }
    }

    fn functions_of(module: &[u8]) -> Vec<(u32, String)> {
        let sections = wasmparser::Parser::new(0).parse_all(module);
        sections
            .filter_map(|section| match section.unwrap() {
                wasmparser::Payload::CustomSection(section) => {
                    let name = section.name();
                    (name == "name").then(|| {
                        let mut whole = Vec::new();
                        text(&mut whole, name);
                        whole.extend(section.data());
                        functions(&whole).unwrap()
                    })
                }
                _ => None,
            })
            .flatten()
            .collect()
    }
}
