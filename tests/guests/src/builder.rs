//! Guests in the making.

use std::fmt::Write as _;

use crate::encode;
use crate::module::Text;

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
