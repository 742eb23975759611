//! The named guests.

use anyhow::Context as _;

use crate::{Builder, Check, Decide, Deed, Render, Tick};

/// A component, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Guest {
    /// A name for it, which it has in its description as well where it has one.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// What is expected of it with the default settings of a class.
    pub expect: Expect,
    /// The component.
    pub bytes: Vec<u8>,
}

/// What is expected of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is taken into service, and answers whatever it wants to be asked.
    Answers,
    /// It is not taken into service, for a reason of this name (`LoadError::reason`).
    LoadFails(&'static str),
    /// It is taken into service, and `render` fails with an error of this kind (`CallError::kind`).
    RenderFails(&'static str),
    /// As `RenderFails`, for `decide` on the trigger `stream-created`.
    DecideFails(&'static str),
    /// As `RenderFails`, for `next-tick`.
    TickFails(&'static str),
}

/// How a guest comes to be.
type Make = fn(&str) -> anyhow::Result<Vec<u8>>;

/// Every guest.
///
/// # Errors
/// One cannot be encoded, which is a mistake in this crate.
pub fn all() -> anyhow::Result<Vec<Guest>> {
    TABLE.iter().map(make).collect()
}

/// The guest of this name.
///
/// # Errors
/// There is none, or it cannot be encoded.
pub fn guest(name: &str) -> anyhow::Result<Guest> {
    let row = TABLE
        .iter()
        .find(|row| row.0 == name)
        .with_context(|| format!("there is no guest {name}"))?;
    make(row)
}

fn make(
    (name, about, expect, make): &(&'static str, &'static str, Expect, Make),
) -> anyhow::Result<Guest> {
    Ok(Guest {
        name,
        about,
        expect: *expect,
        bytes: make(name).with_context(|| format!("cannot make the guest {name}"))?,
    })
}

/// What `patch` adds to a Job.
const ANNOTATE: &str =
    r#"[{"op":"add","path":"/metadata/annotations/example.com~1shaped","value":"yes"}]"#;

use Expect::{Answers, DecideFails, LoadFails, RenderFails, TickFails};

const TABLE: &[(&str, &str, Expect, Make)] = &[
    ("unchanged", "finds every Job fine", Answers, |name| {
        Builder::new(name).render(Render::Unchanged).build()
    }),
    (
        "patch",
        "adds the annotation example.com/shaped: yes by JSON Patch",
        Answers,
        |name| {
            Builder::new(name)
                .render(Render::Patch(ANNOTATE.into()))
                .build()
        },
    ),
    (
        "whole-job",
        "hands back the Job that it was given",
        Answers,
        |name| Builder::new(name).render(Render::Echo).build(),
    ),
    (
        "decide-all",
        "answers each trigger in another way that fits",
        Answers,
        |name| {
            Builder::new(name)
                .decide(Decide::ByTrigger)
                .tick(Tick::FullHour)
                .build()
        },
    ),
    ("skip", "skips every backfill", Answers, |name| {
        Builder::new(name)
            .decide(Decide::Skip("not needed".into()))
            .build()
    }),
    (
        "ticker",
        "wants to be asked at every full hour",
        Answers,
        |name| {
            Builder::new(name)
                .decide(Decide::Default)
                .tick(Tick::FullHour)
                .build()
        },
    ),
    (
        "echo-config",
        "gives up, with the configuration of its class as message",
        RenderFails("plugin_error"),
        |name| {
            Builder::new(name)
                .check(Vec::new(), Check::Accept)
                .render(Render::ConfigAsError)
                .build()
        },
    ),
    (
        "log-question",
        "logs everything that it is told",
        Answers,
        |name| {
            let log = || vec![Deed::LogQuestion];
            Builder::new(name)
                .render_after(log(), Render::Unchanged)
                .decide_after(log(), Decide::Default)
                .tick_after(log(), Tick::Never)
                .build()
        },
    ),
    (
        "everything",
        "has every interface and hook of the contract",
        Answers,
        |name| {
            Builder::new(name)
                .check(Vec::new(), Check::OnlyEmpty("nothing can be set".into()))
                .render(Render::Patch(ANNOTATE.into()))
                .decide(Decide::ByTrigger)
                .tick(Tick::FullHour)
                .build()
        },
    ),
    (
        "picky-config",
        "accepts no configuration but an empty one, so it does with the default one",
        Answers,
        |name| {
            Builder::new(name)
                .check(
                    vec![Deed::Log("checking".into(), 1)],
                    Check::OnlyEmpty("field `zone`: set one of a, b".into()),
                )
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "counter",
        "gives up, with how many calls its instance has had as message: always 1",
        RenderFails("plugin_error"),
        |name| Builder::new(name).render(Render::CountAsError).build(),
    ),
    (
        "gives-up",
        "says that it has no answer",
        RenderFails("plugin_error"),
        |name| {
            Builder::new(name)
                .render(Render::Error("no size for this table\u{1b}[31m".into()))
                .decide(Decide::Error("no idea".into()))
                .build()
        },
    ),
    (
        "endless-loop",
        "runs for ever when it renders",
        RenderFails("timeout"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::Loop], Render::Unchanged)
                .build()
        },
    ),
    (
        "endless-decision",
        "runs for ever when it decides",
        DecideFails("timeout"),
        |name| {
            Builder::new(name)
                .decide_after(vec![Deed::Loop], Decide::Default)
                .build()
        },
    ),
    (
        "endless-tick",
        "runs for ever when it is asked for its next tick",
        TickFails("timeout"),
        |name| {
            Builder::new(name)
                .decide(Decide::Default)
                .tick_after(vec![Deed::Loop], Tick::Never)
                .build()
        },
    ),
    (
        "endless-describe",
        "runs for ever when it describes itself",
        LoadFails("DescribeFailed"),
        |name| Builder::new(name).describe_after(vec![Deed::Loop]).build(),
    ),
    (
        "endless-start",
        "runs for ever when it is instantiated",
        LoadFails("StartFailed"),
        |name| Builder::new(name).start_with(vec![Deed::Loop]).build(),
    ),
    (
        "endless-check",
        "runs for ever when it checks its configuration",
        LoadFails("ConfigCheckFailed"),
        |name| {
            Builder::new(name)
                .check(vec![Deed::Loop], Check::Accept)
                .build()
        },
    ),
    (
        "memory-bomb",
        "takes memory until there is none",
        RenderFails("memory_limit"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::TakeMemory], Render::Unchanged)
                .build()
        },
    ),
    (
        "large-start",
        "begins with 128 MiB of memory",
        LoadFails("StartFailed"),
        |name| Builder::new(name).pages(2_048).build(),
    ),
    (
        "table-bomb",
        "grows a table until there is no room",
        RenderFails("table_limit"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::GrowTable], Render::Unchanged)
                .build()
        },
    ),
    (
        "recursion",
        "calls itself without end",
        RenderFails("trap"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::Recurse], Render::Unchanged)
                .build()
        },
    ),
    (
        "trap",
        "executes `unreachable`, after a line in the log",
        RenderFails("trap"),
        |name| {
            Builder::new(name)
                .render_after(
                    vec![Deed::Log("about to fall".into(), 1), Deed::Trap],
                    Render::Unchanged,
                )
                .build()
        },
    ),
    (
        "trap-describe",
        "traps when it describes itself",
        LoadFails("DescribeFailed"),
        |name| Builder::new(name).describe_after(vec![Deed::Trap]).build(),
    ),
    (
        "large-output",
        "answers 10 MB",
        RenderFails("output_limit"),
        |name| Builder::new(name).render(Render::Bytes(10_000_000)).build(),
    ),
    (
        "invalid-utf8",
        "answers text that is no UTF-8",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Patch(vec![b'[', 0xff, 0xfe, b']']))
                .build()
        },
    ),
    (
        "invalid-json",
        "answers text that is no JSON",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Patch(b"[{".to_vec()))
                .build()
        },
    ),
    (
        "invalid-job",
        "answers a Job that is no JSON",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Job(b"{".to_vec()))
                .build()
        },
    ),
    (
        "deep-json",
        "answers a Job of 100,000 levels",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Job(vec![b'['; 100_000]))
                .build()
        },
    ),
    (
        "list-job",
        "answers a list as Job",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Job(b"[]".to_vec()))
                .build()
        },
    ),
    (
        "patch-bomb",
        "copies the Job into itself again and again",
        RenderFails("invalid_answer"),
        |name| {
            let doubling = (0..40)
                .map(|step| format!(r#"{{"op":"copy","from":"/spec","path":"/spec/x{step}"}}"#))
                .collect::<Vec<_>>()
                .join(",");
            Builder::new(name)
                .render(Render::Patch(format!("[{doubling}]").into_bytes()))
                .build()
        },
    ),
    (
        "patch-nowhere",
        "patches what is not there",
        RenderFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .render(Render::Patch(
                    br#"[{"op":"remove","path":"/spec/nothing"}]"#.to_vec(),
                ))
                .build()
        },
    ),
    (
        "misfit",
        "restarts what has not begun",
        DecideFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .decide(Decide::Restart(1, "again".into()))
                .build()
        },
    ),
    (
        "long-reason",
        "skips for a reason of 2,000 characters",
        DecideFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .decide(Decide::Skip("x".repeat(2_000)))
                .build()
        },
    ),
    (
        "tick-at-once",
        "wants to be asked in 0 seconds",
        TickFails("invalid_answer"),
        |name| {
            Builder::new(name)
                .decide(Decide::Default)
                .tick(Tick::In(0))
                .build()
        },
    ),
    (
        "log-flood",
        "logs 100,000 lines",
        RenderFails("log_limit"),
        |name| {
            Builder::new(name)
                .render_after(
                    vec![Deed::Log("water, water everywhere".into(), 100_000)],
                    Render::Unchanged,
                )
                .build()
        },
    ),
    (
        "empty-log-flood",
        "logs empty lines without end",
        RenderFails("log_limit"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::Log(String::new(), u32::MAX)], Render::Unchanged)
                .build()
        },
    ),
    (
        "log-line",
        "logs one line of 10 MB",
        RenderFails("output_limit"),
        |name| {
            Builder::new(name)
                .render_after(vec![Deed::LogBytes(10_000_000)], Render::Unchanged)
                .build()
        },
    ),
    (
        "log-control",
        "logs what would steer a terminal",
        Answers,
        |name| {
            Builder::new(name)
                .render_after(
                    vec![Deed::Log("\u{1b}[2Jgone\r\nfaked line".into(), 1)],
                    Render::Unchanged,
                )
                .build()
        },
    ),
    (
        "wrong-version",
        "is built against version 0.2.0 of the contract",
        LoadFails("UnsupportedVersion"),
        |name| {
            Builder::new(name)
                .version("0.2.0")
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "patch-version",
        "is built against version 0.1.9 of the contract, which is compatible",
        Answers,
        |name| {
            Builder::new(name)
                .version("0.1.9")
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "no-metadata",
        "does not say what it is",
        LoadFails("NotAPlugin"),
        |name| {
            Builder::new(name)
                .without_metadata()
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "wasi",
        "imports WASI",
        LoadFails("ForbiddenImports"),
        |name| {
            Builder::new(name)
                .import("wasi:cli/environment@0.2.0", "get")
                .import("wasi:sockets/network@0.2.0", "open")
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "unknown-import",
        "imports what nobody knows",
        LoadFails("ForbiddenImports"),
        |name| {
            Builder::new(name)
                .import("acme:gadgets/laser", "fire")
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "unknown-hook",
        "names a hook that there is not",
        LoadFails("InvalidDescription"),
        |name| Builder::new(name).hooks(&["sleep"]).build(),
    ),
    (
        "unknown-grant",
        "asks for a grant that there is not",
        LoadFails("InvalidDescription"),
        |name| Builder::new(name).grants(&["everything"]).build(),
    ),
    (
        "bad-name",
        "has a name with capitals and a space",
        LoadFails("InvalidDescription"),
        |_| Builder::new("Bad Name").build(),
    ),
    (
        "bad-summary",
        "has a summary that is no UTF-8",
        LoadFails("DescribeFailed"),
        |name| {
            Builder::new(name)
                .describe(|said| said.summary = vec![0xff])
                .build()
        },
    ),
    (
        "hook-without-renderer",
        "names the hook render, but exports no renderer",
        LoadFails("MissingInterface"),
        |name| Builder::new(name).hooks(&["render"]).build(),
    ),
    (
        "hook-without-decider",
        "names the hook job-failed, but exports no decider",
        LoadFails("MissingInterface"),
        |name| {
            Builder::new(name)
                .hooks(&["job-failed"])
                .render(Render::Unchanged)
                .build()
        },
    ),
    (
        "tick-without-decider",
        "names the hook tick, and exports a ticker, but no decider",
        LoadFails("MissingInterface"),
        |name| Builder::new(name).tick(Tick::Never).build(),
    ),
    (
        "core-module",
        "is a core module, not a component",
        LoadFails("NotAComponent"),
        |_| Ok(wat::parse_str("(module)")?),
    ),
    (
        "truncated",
        "is the first half of a component",
        LoadFails("InvalidComponent"),
        |name| {
            let mut bytes = Builder::new(name).render(Render::Unchanged).build()?;
            bytes.truncate(bytes.len() / 2);
            Ok(bytes)
        },
    ),
    (
        "text",
        "is a page of HTML",
        LoadFails("NotAComponent"),
        |_| Ok(b"<html><body>404 Not Found</body></html>".to_vec()),
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_guest_can_be_made_and_has_a_name_of_its_own() {
        let guests = all().unwrap();
        let names: BTreeSet<&str> = guests.iter().map(|guest| guest.name).collect();
        assert_eq!(names.len(), guests.len());
        for guest in &guests {
            assert!(guest.bytes.len() < 300_000, "{}", guest.name);
        }
        assert!(guest("nobody").is_err());
    }

    #[test]
    fn the_same_guest_has_the_same_bytes() {
        assert_eq!(
            guest("everything").unwrap().bytes,
            guest("everything").unwrap().bytes
        );
    }

    #[test]
    fn every_attempt_can_be_made() {
        for attempt in crate::ATTEMPTS {
            assert!(attempt.guest().is_ok(), "{}", attempt.name);
        }
    }
}
