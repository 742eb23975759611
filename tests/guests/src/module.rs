//! The text of a core module, put together from what its functions are to do.

use std::fmt::Write as _;

use crate::encode;
use crate::layout::{
    ANSWER, ATTEMPT, CONFIG, DATA, DECIDE_CONTEXT, DECIDE_TIME, LABELS, MODE, RENDER_JOB, REQUEST,
    STRINGS, TICK_TIME,
};

/// What a guest does when it is called, in place of or before answering.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Runs for ever.
    Loop,
    /// Takes memory, page by page, until there is none.
    TakeMemory,
    /// Grows a table until there is no more room.
    GrowTable,
    /// Calls itself without end.
    Recurse,
    /// Executes `unreachable`.
    Trap,
    /// Logs this line, so many times.
    Log(String, u32),
    /// Logs one line of so many bytes.
    LogBytes(u32),
    /// Logs what is in the context that it is given, and the Job or the time.
    LogQuestion,
}

/// What a guest answers to `render`.
#[derive(Clone, Debug)]
pub enum Render {
    /// That the Job is fine.
    Unchanged,
    /// This patch.
    Patch(Vec<u8>),
    /// This Job.
    Job(Vec<u8>),
    /// The Job that it was given, as a whole.
    Echo,
    /// A text of so many bytes, as a patch.
    Bytes(u32),
    /// An error with this text.
    Error(String),
    /// An error with the configuration of its class as text.
    ConfigAsError,
    /// An error with one digit: how many calls this instance has had, with this one.
    CountAsError,
}

/// What a guest answers to `decide`.
#[derive(Clone, Debug)]
pub enum Decide {
    /// Nothing of its own.
    Default,
    /// Another answer for each trigger, which fits.
    ByTrigger,
    /// `skip`.
    Skip(String),
    /// `backfill` with payload, template and reason.
    Backfill(Option<String>, Option<String>, String),
    /// `postpone` for so many seconds.
    Postpone(u64, String),
    /// `fail`.
    Fail(String),
    /// `restart` after so many seconds.
    Restart(u64, String),
    /// An error with this text.
    Error(String),
}

/// What a guest answers to `next-tick`.
#[derive(Clone, Debug)]
pub enum Tick {
    /// Never.
    Never,
    /// In so many seconds.
    In(u64),
    /// At the next full hour.
    FullHour,
    /// An error with this text.
    Error(String),
}

/// What a guest says to a configuration.
#[derive(Clone, Debug)]
pub enum Check {
    /// Anything is fine.
    Accept,
    /// Anything but `{}` is wrong, with this text.
    OnlyEmpty(String),
}

/// What a guest says of itself.
#[derive(Clone, Debug)]
pub struct Described {
    /// `name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `summary`
    pub summary: Vec<u8>,
    /// `hooks`
    pub hooks: Vec<String>,
    /// `grants`
    pub grants: Vec<String>,
}

/// A guest in the making. Exports what has been set.
#[derive(Clone, Debug)]
pub struct Builder {
    described: Described,
    metadata: bool,
    describing: Vec<Deed>,
    starting: Vec<Deed>,
    checking: Option<(Vec<Deed>, Check)>,
    rendering: Option<(Vec<Deed>, Render)>,
    deciding: Option<(Vec<Deed>, Decide)>,
    ticking: Option<(Vec<Deed>, Tick)>,
    imports: Vec<(String, String)>,
    pages: u32,
    version: String,
}

impl Builder {
    /// A guest of this name that wants nothing.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            described: Described {
                name: name.to_owned(),
                version: "1.0.0".to_owned(),
                summary: b"A guest for tests.".to_vec(),
                hooks: Vec::new(),
                grants: Vec::new(),
            },
            metadata: true,
            describing: Vec::new(),
            starting: Vec::new(),
            checking: None,
            rendering: None,
            deciding: None,
            ticking: None,
            imports: Vec::new(),
            pages: 1,
            version: encode::VERSION.to_owned(),
        }
    }

    /// Exports `renderer`, and names the hook.
    #[must_use]
    pub fn render(mut self, answer: Render) -> Self {
        self.rendering = Some((Vec::new(), answer));
        self.hooks(&["render"])
    }

    /// As [`Builder::render`], after these deeds.
    #[must_use]
    pub fn render_after(mut self, deeds: Vec<Deed>, answer: Render) -> Self {
        self.rendering = Some((deeds, answer));
        self.hooks(&["render"])
    }

    /// Exports `decider`, and names all of its hooks but `tick`.
    #[must_use]
    pub fn decide(self, answer: Decide) -> Self {
        self.decide_after(Vec::new(), answer)
    }

    /// As [`Builder::decide`], after these deeds.
    #[must_use]
    pub fn decide_after(mut self, deeds: Vec<Deed>, answer: Decide) -> Self {
        self.deciding = Some((deeds, answer));
        self.hooks(&[
            "stream-created",
            "backfill-requested",
            "schema-changed",
            "spec-changed",
            "job-failed",
            "job-completed",
        ])
    }

    /// Exports `ticker`, and names the hook.
    #[must_use]
    pub fn tick(self, answer: Tick) -> Self {
        self.tick_after(Vec::new(), answer)
    }

    /// As [`Builder::tick`], after these deeds.
    #[must_use]
    pub fn tick_after(mut self, deeds: Vec<Deed>, answer: Tick) -> Self {
        self.ticking = Some((deeds, answer));
        self.hooks(&["tick"])
    }

    /// Exports `configuration`.
    #[must_use]
    pub fn check(mut self, deeds: Vec<Deed>, answer: Check) -> Self {
        self.checking = Some((deeds, answer));
        self
    }

    /// Does this before it describes itself.
    #[must_use]
    pub fn describe_after(mut self, deeds: Vec<Deed>) -> Self {
        self.describing = deeds;
        self
    }

    /// Does this whenever it is instantiated.
    #[must_use]
    pub fn start_with(mut self, deeds: Vec<Deed>) -> Self {
        self.starting = deeds;
        self
    }

    /// Names more hooks.
    #[must_use]
    pub fn hooks(mut self, hooks: &[&str]) -> Self {
        self.described
            .hooks
            .extend(hooks.iter().map(|&hook| hook.to_owned()));
        self
    }

    /// Asks for grants.
    #[must_use]
    pub fn grants(mut self, grants: &[&str]) -> Self {
        self.described
            .grants
            .extend(grants.iter().map(|&grant| grant.to_owned()));
        self
    }

    /// Changes what it says of itself.
    #[must_use]
    pub fn describe(mut self, change: impl FnOnce(&mut Described)) -> Self {
        change(&mut self.described);
        self
    }

    /// Does not export `metadata`.
    #[must_use]
    pub fn without_metadata(mut self) -> Self {
        self.metadata = false;
        self
    }

    /// Imports the function `name`, which takes nothing and returns a u32, from `interface`.
    #[must_use]
    pub fn import(mut self, interface: &str, name: &str) -> Self {
        self.imports.push((interface.to_owned(), name.to_owned()));
        self
    }

    /// Begins with so many pages of 64 KiB of memory.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Is built as if this version of the contract were published.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The component.
    ///
    /// # Errors
    /// It cannot be encoded, which is a mistake in this crate or in what was set.
    pub fn build(&self) -> anyhow::Result<Vec<u8>> {
        let mut text = Text::new(&self.version);
        let mut world = vec![format!(
            "import arcane:stream-plugin/logging@{};",
            self.version
        )];
        for (number, (interface, name)) in self.imports.iter().enumerate() {
            world.push(format!("import {interface};"));
            let _ = writeln!(
                text.imports,
                "(import \"{interface}\" \"{name}\" (func $import{number} (result i32)))"
            );
            // What is not used is not imported.
            let _ = writeln!(text.starting, "(drop (call $import{number}))");
        }
        if self.metadata {
            world.push(text.export("metadata"));
            text.describe(&self.described, &self.describing);
        }
        if let Some((deeds, answer)) = &self.checking {
            world.push(text.export("configuration"));
            text.check(deeds, answer);
        }
        if let Some((deeds, answer)) = &self.rendering {
            world.push(text.export("renderer"));
            text.render(deeds, answer);
        }
        if let Some((deeds, answer)) = &self.deciding {
            world.push(text.export("decider"));
            text.decide(deeds, answer);
        }
        if let Some((deeds, answer)) = &self.ticking {
            world.push(text.export("ticker"));
            text.tick(deeds, answer);
        }
        for deed in &self.starting {
            let deed = text.deed(deed, None);
            text.starting.push_str(&deed);
        }
        encode::component(&text.finish(self.pages), &world.join("\n"), &self.version)
    }
}

/// The text of a module, and the data that it refers to.
struct Text {
    version: String,
    imports: String,
    functions: String,
    starting: String,
    data: Vec<u8>,
}

/// Where a function finds its question: in local 0, with the context at some offset.
#[derive(Clone, Copy)]
struct Asked {
    context: u32,
    /// Offset of the Job, where there is one.
    job: Option<u32>,
    /// Offset of the time, where there is one.
    time: Option<u32>,
}

impl Text {
    fn new(version: &str) -> Self {
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

    fn export(&self, interface: &str) -> String {
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
        while self.data.len() % 8 != 0 {
            self.data.push(0);
        }
    }

    fn function(&mut self, interface: &str, name: &str, signature: &str, body: &str) {
        let version = &self.version;
        let _ = writeln!(
            self.functions,
            "(func (export \"arcane:stream-plugin/{interface}@{version}#{name}\") {signature}\n\
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

    fn describe(&mut self, described: &Described, deeds: &[Deed]) {
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

    fn check(&mut self, deeds: &[Deed], answer: &Check) {
        let mut body = self.deeds(deeds, None);
        match answer {
            Check::Accept => body += &number(0, 0),
            Check::OnlyEmpty(message) => {
                let _ = write!(
                    body,
                    "(i32.store8 (i32.const {ANSWER}) (i32.ne (local.get 1) (i32.const 2)))\n"
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

    fn render(&mut self, deeds: &[Deed], answer: &Render) {
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

    fn decide(&mut self, deeds: &[Deed], answer: &Decide) {
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

    fn tick(&mut self, deeds: &[Deed], answer: &Tick) {
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
                let _ = write!(
                    body,
                    "(i64.store offset=16 (i32.const {ANSWER}) (i64.sub (i64.const 3600) \
                     (i64.rem_u (i64.load offset={TICK_TIME} (local.get 0)) (i64.const 3600))))\n"
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

    fn deed(&mut self, deed: &Deed, asked: Option<Asked>) -> String {
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

    fn finish(mut self, pages: u32) -> String {
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

/// What functions may use: an allocator that never frees, and deeds that need a function.
const SUPPORT: &str = r#"
(func $reserve (param $end i32)
  (local $missing i32)
  (local.set $missing (i32.sub
    (i32.shr_u (i32.add (local.get $end) (i32.const 65535)) (i32.const 16)) (memory.size)))
  (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
    (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable))))))
(func $cabi_realloc (export "cabi_realloc") (param $old i32) (param $old_size i32)
  (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and
    (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (call $reserve (global.get $free))
  (memory.copy (local.get $at) (local.get $old) (local.get $old_size))
  (local.get $at))
(func $fill_spaces (param $count i32)
  (global.set $spaces
    (call $cabi_realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $count)))
  (memory.fill (global.get $spaces) (i32.const 32) (local.get $count)))
(func $recurse (param $depth i32) (result i32)
  (i32.add (local.get $depth) (call $recurse (i32.add (local.get $depth) (i32.const 1)))))
(func $log_times (param $at i32) (param $length i32) (param $times i32)
  (loop $again
    (if (local.get $times) (then
      (call $log (i32.const 1) (local.get $at) (local.get $length))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br $again)))))
(func $log_text (param $at i32)
  (call $log (i32.const 0) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
(func $log_pairs (param $at i32)
  (local $entry i32) (local $left i32)
  (local.set $entry (i32.load (local.get $at)))
  (local.set $left (i32.load offset=4 (local.get $at)))
  (loop $again
    (if (local.get $left) (then
      (call $log_text (local.get $entry))
      (call $log_text (i32.add (local.get $entry) (i32.const 8)))
      (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again)))))
(func $log_number (param $number i64)
  (local $at i32) (local $end i32)
  (local.set $end (i32.add
    (call $cabi_realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 20)) (i32.const 20)))
  (local.set $at (local.get $end))
  (loop $again
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at)
      (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
    (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
    (br_if $again (i64.ne (local.get $number) (i64.const 0))))
  (call $log (i32.const 0) (local.get $at) (i32.sub (local.get $end) (local.get $at))))
"#;

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
