//! Names of plugins.

/// Names that are a package's, but not a plugin's: cargo or the compiler mean something else by
/// them.
const TAKEN: [&str; 8] = [
    "alloc",
    "arcane-plugin-sdk",
    "build",
    "core",
    "deps",
    "proc-macro",
    "std",
    "test",
];

/// Words of Rust that cannot name a crate.
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "yield",
];

/// Checks the name of a new plugin, which names its package too.
///
/// # Errors
/// Says which names there can be.
pub fn check(name: &str) -> Result<(), String> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fine = (1..=63).contains(&name.len())
        && name.chars().all(known)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-');
    if !fine {
        return Err(format!(
            "{name:?} cannot name a plugin: give 1 to 63 characters of a-z, 0-9 and -, beginning \
             with a letter and not ending with -"
        ));
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(format!(
            "{name:?} cannot name a plugin: it means something else to Rust, so give another name"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_to_suit_kubernetes_and_cargo() {
        for name in ["a", "right-size", "p2", &"a".repeat(63)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "-a",
            "a-",
            "2a",
            "A",
            "a_b",
            "a.b",
            "ö",
            "..",
            "match",
            "test",
            "core",
            "arcane-plugin-sdk",
            &"a".repeat(64),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
