//! Results of cases in JUnit's format, for CI.

use std::fmt::Write as _;
use std::time::Duration;

/// The cases of one file.
pub struct Suite {
    /// Name of the file.
    pub name: String,
    /// Its cases, in order.
    pub cases: Vec<CaseResult>,
}

/// How a case went.
pub struct CaseResult {
    /// Name of the case.
    pub name: String,
    /// How long the call took.
    pub elapsed: Duration,
    /// What is not as expected; none if the case passed.
    pub failure: Option<String>,
    /// What the plugin logged.
    pub log: String,
}

/// The whole document.
#[must_use]
pub fn document(suites: &[Suite]) -> String {
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    open(&mut text, 0, "testsuites", &counts(all()));
    for suite in suites {
        let mut attributes = vec![("name", suite.name.clone())];
        attributes.extend(counts(suite.cases.iter()));
        open(&mut text, 2, "testsuite", &attributes);
        for case in &suite.cases {
            write_case(&mut text, suite, case);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn counts<'a>(cases: impl Iterator<Item = &'a CaseResult>) -> Vec<(&'static str, String)> {
    let (mut tests, mut failures, mut time) = (0, 0, Duration::ZERO);
    for case in cases {
        tests += 1;
        failures += usize::from(case.failure.is_some());
        time += case.elapsed;
    }
    vec![
        ("tests", tests.to_string()),
        ("failures", failures.to_string()),
        ("errors", "0".to_owned()),
        ("time", seconds(time)),
    ]
}

fn write_case(text: &mut String, suite: &Suite, case: &CaseResult) {
    let attributes = [
        ("classname", suite.name.clone()),
        ("name", case.name.clone()),
        ("time", seconds(case.elapsed)),
    ];
    open(text, 4, "testcase", &attributes);
    if let Some(failure) = &case.failure {
        let first = failure.lines().next().unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "      <failure message=\"{}\">{}</failure>",
            escaped(first),
            escaped(failure)
        );
    }
    if !case.log.is_empty() {
        let _ = writeln!(
            text,
            "      <system-out>{}</system-out>",
            escaped(&case.log)
        );
    }
    text.push_str("    </testcase>\n");
}

fn open(text: &mut String, spaces: usize, name: &str, attributes: &[(&str, String)]) {
    text.push_str(&" ".repeat(spaces));
    text.push('<');
    text.push_str(name);
    for (key, value) in attributes {
        let _ = write!(text, " {key}=\"{}\"", escaped(value));
    }
    text.push_str(">\n");
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// The text as XML has it; characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_shown() {
        let case = |name: &str, failure: Option<&str>, log: &str| CaseResult {
            name: name.to_owned(),
            elapsed: Duration::from_micros(1_500),
            failure: failure.map(str::to_owned),
            log: log.to_owned(),
        };
        let suite = Suite {
            name: "cases/a.yaml".to_owned(),
            cases: vec![
                case("fine", None, ""),
                case(
                    "a \"<b>\"",
                    Some("--- expected\n-a: 1 & 2\n"),
                    "info\x1b[2J",
                ),
            ],
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites tests=\"2\" failures=\"1\" errors=\"0\" time=\"0.003000\">
  <testsuite name=\"cases/a.yaml\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"0.003000\">
    <testcase classname=\"cases/a.yaml\" name=\"fine\" time=\"0.001500\">
    </testcase>
    <testcase classname=\"cases/a.yaml\" name=\"a &quot;&lt;b&gt;&quot;\" time=\"0.001500\">
      <failure message=\"--- expected\">--- expected
-a: 1 &amp; 2
</failure>
      <system-out>info\u{fffd}[2J</system-out>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(document(&[suite]), expected);
    }
}
