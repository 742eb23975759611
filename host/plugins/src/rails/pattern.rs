//! Patterns of names.

/// The longest name that is compared, in bytes: Kubernetes has none that are longer, and a plugin
/// could make the comparison take long with one.
const LONGEST: usize = 1_024;

/// Whether `name` is what `pattern` describes, from its first character to its last: `*` stands for
/// any run of characters other than `/`, `**` for any run, also an empty one, everything else for
/// itself.
///
/// `*` stops at `/` so that `registry.example.com*` cannot mean
/// `registry.example.com.evil.org/image`. A name of more than 1,024 bytes is like no pattern.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if name.len() > LONGEST {
        return false;
    }
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Where to go on when it does not fit: after the last wildcard of each sort, one character
    // later than the last time. The run of a `*` that has met a `/` cannot grow; that of the `**`
    // before it still can.
    let mut within: Option<(usize, usize)> = None;
    let mut across: Option<(usize, usize)> = None;
    loop {
        if pattern[next..].starts_with(b"**") {
            while pattern.get(next) == Some(&b'*') {
                next += 1;
            }
            across = Some((next, at));
            within = None;
        } else if pattern.get(next) == Some(&b'*') {
            next += 1;
            within = Some((next, at));
        } else if at < name.len() && pattern.get(next) == Some(&name[at]) {
            next += 1;
            at += 1;
        } else if at == name.len() && next == pattern.len() {
            return true;
        } else if let Some((after, from)) = within
            && name.get(from).is_some_and(|character| *character != b'/')
        {
            within = Some((after, from + 1));
            (next, at) = (after, from + 1);
        } else if let Some((after, from)) = across
            && from < name.len()
        {
            across = Some((after, from + 1));
            within = None;
            (next, at) = (after, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is meant, said in the plainest way.
    fn meant(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', '*', rest @ ..] => (0..=name.len()).any(|run| meant(rest, &name[run..])),
            ['*', rest @ ..] => (0..=name.len())
                .take_while(|run| !name[..*run].contains(&'/'))
                .any(|run| meant(rest, &name[run..])),
            [character, rest @ ..] => name.first() == Some(character) && meant(rest, &name[1..]),
        }
    }

    #[test]
    fn a_star_does_not_cross_a_slash_and_two_do() {
        for (pattern, name) in [
            ("a", "a"),
            ("", ""),
            ("*", ""),
            ("*", "team-a"),
            ("team-*", "team-"),
            ("*-secret", "a-secret-secret"),
            (
                "registry.example.com/streams/*",
                "registry.example.com/streams/app:1@sha256:0",
            ),
            ("registry.example.com/**", "registry.example.com/a/b:1"),
            ("**/app:*", "a/b/app:1"),
            ("**", "a/b"),
            ("***", "a/b"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("a", "b"),
            ("a", "aa"),
            ("", "a"),
            ("*", "a/b"),
            ("registry.example.com*", "registry.example.com.evil.org/app"),
            ("registry.example.com/*", "registry.example.com/a/b"),
            ("team-*", "xteam-a"),
            ("a?c", "abc"),
            ("a.c", "abc"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_decided_at_once() {
        let pattern = "*a".repeat(250);
        assert!(!matches(&pattern, &"a".repeat(249)));
        assert!(!matches(&format!("{pattern}b"), &"a".repeat(1_024)));
        assert!(!matches(
            &format!("{}b", "**a*a".repeat(90)),
            &"a/".repeat(512)
        ));
    }

    #[test]
    fn a_name_that_no_object_can_have_is_like_no_pattern() {
        assert!(matches("**", &"a".repeat(1_024)));
        assert!(!matches("**", &"a".repeat(1_025)));
    }

    proptest! {
        #[test]
        fn names_match_as_the_rules_say(pattern in "[ab/*]{0,8}", name in "[ab/]{0,8}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            // `***` is `**`: the plain reading takes the first two.
            let expected = meant(&characters(&pattern), &characters(&name));
            prop_assert_eq!(matches(&pattern, &name), expected);
        }

        #[test]
        fn a_name_matches_itself(name in "[^*]{0,40}") {
            prop_assert!(matches(&name, &name));
        }
    }
}
