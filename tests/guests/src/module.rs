//! The text of a core module, put together from what its functions are to do.

use std::fmt::Write as _;

use crate::builder::{Check, Decide, Deed, Described, Render, Tick};
use crate::layout::{
    ANSWER, ATTEMPT, CONFIG, DATA, DECIDE_CONTEXT, DECIDE_TIME, LABELS, MODE, RENDER_JOB, REQUEST,
    STRINGS, TICK_TIME,
};

/// The text of a module, and the data that it refers to.
pub(crate) struct Text {
    version: String,
    pub(crate) imports: String,
    functions: String,
    pub(crate) starting: String,
    data: Vec<u8>,
}

/// Where a function finds its question: in local 0, with the context at some offset.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    context: u32,
    /// Offset of the Job, where there is one.
    job: Option<u32>,
    /// Offset of the time, where there is one.
    time: Option<u32>,
}

impl Text {
    pub(crate) fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            imports: format!(
                "(import \"arcane:stream-plugin/logging@{version}\" \"log\" \
                 (func $log (param i32 i32 i32)))\n"
            ),
            functions: String::new(),
            starting: String::new(),
            data: Vec::new(),
        }
    }

    pub(crate) fn export(&self, interface: &str) -> String {
        format!("export arcane:stream-plugin/{interface}@{};", self.version)
    }

    /// Keeps `bytes` in memory, and says where.
    fn keep(&mut self, bytes: &[u8]) -> (u32, u32) {
        // Guests are small: what they keep has 32-bit addresses.
        let at = DATA + self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        (at, bytes.len() as u32)
    }

    fn align(&mut self) {
        while !self.data.len().is_multiple_of(8) {
            self.data.push(0);
        }
    }

    fn function(&mut self, interface: &str, name: &str, signature: &str, body: &str) {
        let version = &self.version;
        let _ = writeln!(
            self.functions,
            "(func $guest::{interface}::{name}\n\
             (export \"arcane:stream-plugin/{interface}@{version}#{name}\") {signature}\n\
             {body})"
        );
    }

    /// Writes into the answer: the text that lies at `at`, at this offset.
    fn put(&mut self, offset: u32, text: &[u8]) -> String {
        let (at, length) = self.keep(text);
        format!(
            "(i32.store offset={offset} (i32.const {ANSWER}) (i32.const {at}))\n\
             (i32.store offset={} (i32.const {ANSWER}) (i32.const {length}))\n",
            offset + 4
        )
    }

    pub(crate) fn describe(&mut self, described: &Described, deeds: &[Deed]) {
        let Described {
            name,
            version,
            summary,
            hooks,
            grants,
        } = described;
        let mut body = self.deeds(deeds, None);
        body += &self.put(0, name.as_bytes());
        body += &self.put(8, version.as_bytes());
        body += &self.put(16, summary);
        for (offset, list) in [(24, hooks), (32, grants)] {
            let entries: Vec<(u32, u32)> = list
                .iter()
                .map(|entry| self.keep(entry.as_bytes()))
                .collect();
            self.align();
            let table: Vec<u8> = entries
                .iter()
                .flat_map(|(at, length)| [at.to_le_bytes(), length.to_le_bytes()].concat())
                .collect();
            let (at, _) = self.keep(&table);
            let _ = write!(
                body,
                "(i32.store offset={offset} (i32.const {ANSWER}) (i32.const {at}))\n\
                 (i32.store offset={} (i32.const {ANSWER}) (i32.const {}))\n",
                offset + 4,
                entries.len()
            );
        }
        let _ = write!(body, "(i32.const {ANSWER})");
        self.function("metadata", "describe", "(result i32)", &body);
    }

    pub(crate) fn check(&mut self, deeds: &[Deed], answer: &Check) {
        let mut body = self.deeds(deeds, None);
        match answer {
            Check::Accept => body += &number(0, 0),
            Check::OnlyEmpty(message) => {
                let _ = writeln!(
                    body,
                    "(i32.store8 (i32.const {ANSWER}) (i32.ne (local.get 1) (i32.const 2)))"
                );
                body += &self.put(4, message.as_bytes());
            }
        }
        let _ = write!(body, "(i32.const {ANSWER})");
        self.function(
            "configuration",
            "check",
            "(param i32 i32) (result i32)",
            &body,
        );
    }

    pub(crate) fn render(&mut self, deeds: &[Deed], answer: &Render) {
        let asked = Asked {
            context: 0,
            job: Some(RENDER_JOB),
            time: None,
        };
        let mut body = self.deeds(deeds, Some(asked));
        let error = number(0, 1);
        match answer {
            Render::Unchanged => body += &(number(0, 0) + &number(4, 0)),
            Render::Patch(patch) => {
                body += &(number(0, 0) + &number(4, 1));
                body += &self.put(8, patch);
            }
            Render::Job(job) => {
                body += &(number(0, 0) + &number(4, 2));
                body += &self.put(8, job);
            }
            Render::Echo => {
                body += &(number(0, 0) + &number(4, 2));
                body += &copy(8, RENDER_JOB);
            }
            Render::Bytes(count) => {
                body += &(number(0, 0) + &number(4, 1));
                body += &spaces(*count);
                let _ = write!(
                    body,
                    "(i32.store offset=8 (i32.const {ANSWER}) (global.get $spaces))\n\
                     (i32.store offset=12 (i32.const {ANSWER}) (i32.const {count}))\n"
                );
            }
            Render::Error(message) => {
                body += &error;
                body += &self.put(4, message.as_bytes());
            }
            Render::ConfigAsError => body += &(error + &copy(4, CONFIG)),
            Render::CountAsError => {
                let (at, _) = self.keep(b"0");
                body += &error;
                let _ = write!(
                    body,
                    "(i32.store8 (i32.const {at}) (i32.add (i32.load8_u (i32.const {at})) \
                     (i32.const 1)))\n\
                     (i32.store offset=4 (i32.const {ANSWER}) (i32.const {at}))\n\
                     (i32.store offset=8 (i32.const {ANSWER}) (i32.const 1))\n"
                );
            }
        }
        let _ = write!(body, "(i32.const {ANSWER})");
        self.function("renderer", "render", "(param i32) (result i32)", &body);
    }

    pub(crate) fn decide(&mut self, deeds: &[Deed], answer: &Decide) {
        let asked = Asked {
            context: DECIDE_CONTEXT,
            job: None,
            time: Some(DECIDE_TIME),
        };
        let mut body = self.deeds(deeds, Some(asked));
        if let Decide::ByTrigger = answer {
            let answers = [
                Decide::Skip("the data is there already".to_owned()),
                Decide::Backfill(
                    Some("{\"from\":\"2026-01-01\"}".to_owned()),
                    Some("large".to_owned()),
                    "in a larger Job".to_owned(),
                ),
                Decide::Postpone(3_600, "not at this hour".to_owned()),
                Decide::Fail("the spec must not change".to_owned()),
                Decide::Restart(60, "it may work again".to_owned()),
                Decide::Backfill(None, None, "once more from the start".to_owned()),
                Decide::Default,
            ];
            for (case, answer) in answers.iter().enumerate() {
                let put = self.decision(answer);
                let _ = write!(
                    body,
                    "(if (i32.eq (i32.load8_u (local.get 0)) (i32.const {case})) (then\n{put}))\n"
                );
            }
        } else {
            body += &self.decision(answer);
        }
        let _ = write!(body, "(i32.const {ANSWER})");
        self.function("decider", "decide", "(param i32) (result i32)", &body);
    }

    fn decision(&mut self, answer: &Decide) -> String {
        let case = |case: u32| number(0, 0) + &number(8, case);
        match answer {
            Decide::Default | Decide::ByTrigger => case(0),
            Decide::Skip(reason) => case(1) + &self.put(16, reason.as_bytes()),
            Decide::Backfill(payload, template, reason) => {
                let mut text = case(2);
                for (offset, field) in [(16, payload), (28, template)] {
                    text += &number(offset, u32::from(field.is_some()));
                    text += &self.put(offset + 4, field.as_deref().unwrap_or("").as_bytes());
                }
                text + &self.put(40, reason.as_bytes())
            }
            Decide::Postpone(seconds, reason) => {
                case(3) + &long(16, *seconds) + &self.put(24, reason.as_bytes())
            }
            Decide::Fail(reason) => case(4) + &self.put(16, reason.as_bytes()),
            Decide::Restart(seconds, reason) => {
                case(5) + &long(16, *seconds) + &self.put(24, reason.as_bytes())
            }
            Decide::Error(message) => number(0, 1) + &self.put(8, message.as_bytes()),
        }
    }

    pub(crate) fn tick(&mut self, deeds: &[Deed], answer: &Tick) {
        let asked = Asked {
            context: 0,
            job: None,
            time: Some(TICK_TIME),
        };
        let mut body = self.deeds(deeds, Some(asked));
        match answer {
            Tick::Never => body += &(number(0, 0) + &number(8, 0)),
            Tick::In(seconds) => body += &(number(0, 0) + &number(8, 1) + &long(16, *seconds)),
            Tick::FullHour => {
                body += &(number(0, 0) + &number(8, 1));
                let _ = writeln!(
                    body,
                    "(i64.store offset=16 (i32.const {ANSWER}) (i64.sub (i64.const 3600) \
                     (i64.rem_u (i64.load offset={TICK_TIME} (local.get 0)) (i64.const 3600))))"
                );
            }
            Tick::Error(message) => {
                body += &number(0, 1);
                body += &self.put(8, message.as_bytes());
            }
        }
        let _ = write!(body, "(i32.const {ANSWER})");
        self.function("ticker", "next-tick", "(param i32) (result i32)", &body);
    }

    fn deeds(&mut self, deeds: &[Deed], asked: Option<Asked>) -> String {
        deeds.iter().map(|deed| self.deed(deed, asked)).collect()
    }

    pub(crate) fn deed(&mut self, deed: &Deed, asked: Option<Asked>) -> String {
        match deed {
            Deed::Loop => "(loop $again (br $again))\n".to_owned(),
            Deed::TakeMemory => "(loop $again\n\
                 (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))\n"
                .to_owned(),
            Deed::GrowTable => "(loop $again (br_if $again (i32.ne \
                 (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))))\n"
                .to_owned(),
            Deed::Recurse => "(drop (call $recurse (i32.const 1)))\n".to_owned(),
            Deed::Trap => "(unreachable)\n".to_owned(),
            Deed::Log(line, times) => {
                let (at, length) = self.keep(line.as_bytes());
                format!(
                    "(call $log_times (i32.const {at}) (i32.const {length}) (i32.const {times}))\n"
                )
            }
            Deed::LogBytes(count) => {
                spaces(*count)
                    + &format!(
                        "(call $log (i32.const 1) (global.get $spaces) (i32.const {count}))\n"
                    )
            }
            Deed::LogQuestion => asked.map(log_question).unwrap_or_default(),
        }
    }

    pub(crate) fn finish(mut self, pages: u32) -> String {
        self.align();
        let end = DATA + self.data.len() as u32;
        let pages = pages.max(end.div_ceil(1 << 16) + 1);
        let data: String = self.data.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\\{byte:02x}");
            text
        });
        let Self {
            imports,
            functions,
            starting,
            ..
        } = self;
        format!(
            "(module\n{imports}\n\
             (memory (export \"memory\") {pages})\n\
             (table $table 1 funcref)\n\
             (global $free (mut i32) (i32.const {end}))\n\
             (global $spaces (mut i32) (i32.const 0))\n\
             (data (i32.const {DATA}) \"{data}\")\n\
             {SUPPORT}\n\
             (func $start\n{starting})\n(start $start)\n\
             {functions})"
        )
    }
}

/// What functions may use.
const SUPPORT: &str = include_str!("support.wat");

/// Logs the strings of the question, then labels and annotations, mode and attempt as numbers, the
/// request's name and payload, and the Job or the time.
fn log_question(asked: Asked) -> String {
    let Asked { context, job, time } = asked;
    let at = |offset: u32| format!("(i32.add (local.get 0) (i32.const {offset}))");
    let mut text = String::new();
    for offset in STRINGS {
        let _ = writeln!(text, "(call $log_text {})", at(context + offset));
    }
    for offset in [LABELS, LABELS + 8] {
        let _ = writeln!(text, "(call $log_pairs {})", at(context + offset));
    }
    let _ = writeln!(
        text,
        "(call $log_number (i64.load8_u offset={} (local.get 0)))\n\
         (call $log_number (i64.load32_u offset={} (local.get 0)))\n\
         (if (i32.load8_u offset={} (local.get 0)) (then\n\
           (call $log_text {})\n\
           (if (i32.load8_u offset={} (local.get 0)) (then (call $log_text {})))))",
        context + MODE,
        context + ATTEMPT,
        context + REQUEST,
        at(context + REQUEST + 4),
        context + REQUEST + 12,
        at(context + REQUEST + 16),
    );
    if let Some(job) = job {
        let _ = writeln!(text, "(call $log_text {})", at(job));
    }
    if let Some(time) = time {
        let _ = writeln!(
            text,
            "(call $log_number (i64.load offset={time} (local.get 0)))"
        );
    }
    text
}

/// Writes a number of 32 bits into the answer.
fn number(offset: u32, number: u32) -> String {
    format!("(i32.store offset={offset} (i32.const {ANSWER}) (i32.const {number}))\n")
}

/// Writes a number of 64 bits into the answer.
fn long(offset: u32, number: u64) -> String {
    // As signed, which is how the text format has it.
    let number = number.cast_signed();
    format!("(i64.store offset={offset} (i32.const {ANSWER}) (i64.const {number}))\n")
}

/// Writes into the answer, at `to`, a text that stands in the question at `from`.
fn copy(to: u32, from: u32) -> String {
    format!(
        "(i64.store offset={to} align=4 (i32.const {ANSWER}) \
         (i64.load offset={from} align=4 (local.get 0)))\n"
    )
}

/// Makes a text of so many spaces.
fn spaces(count: u32) -> String {
    format!("(call $fill_spaces (i32.const {count}))\n")
}
