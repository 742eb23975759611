//! What Kubernetes takes as a label.

/// Longest part of a key behind its prefix, and longest value, in characters.
const MAXIMUM_NAME: usize = 63;
/// Longest prefix of a key, in characters.
const MAXIMUM_PREFIX: usize = 253;

/// Whether it can be the key of a label: a name, perhaps behind a domain and a slash.
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_domain(prefix) && is_name(name),
    }
}

/// Whether it can be the value of a label; it may be empty.
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAXIMUM_NAME
        && name.bytes().all(inside)
        && has_ends(name, |byte| byte.is_ascii_alphanumeric())
}

fn is_domain(domain: &str) -> bool {
    let outside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    domain.len() <= MAXIMUM_PREFIX
        && domain.split('.').all(|part| {
            part.bytes().all(|byte| outside(byte) || byte == b'-') && has_ends(part, outside)
        })
}

/// Whether the first and the last byte are as they should be; nothing has none.
fn has_ends(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| fits(*byte)) && bytes.last().is_some_and(|byte| fits(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_or_without_a_domain() {
        for key in [
            "team",
            "cost-center",
            "Team_1.a",
            "example.com/team",
            "arcane/stream-id",
        ] {
            assert!(is_label_key(key), "{key}");
        }
        assert!(is_label_key(&"a".repeat(63)));
        for key in [
            "",
            "-team",
            "team-",
            "a b",
            "a/b/c",
            "/team",
            "example.com/",
            "Example.com/a",
            "a..b/c",
            "é",
        ] {
            assert!(!is_label_key(key), "{key}");
        }
        assert!(!is_label_key(&"a".repeat(64)));
    }

    #[test]
    fn values_may_be_empty_or_names() {
        for value in ["", "4711", "data.platform", "A_b-c"] {
            assert!(is_label_value(value), "{value}");
        }
        for value in ["-", "a/b", "two words", "a."] {
            assert!(!is_label_value(value), "{value}");
        }
        assert!(!is_label_value(&"a".repeat(64)));
    }
}
