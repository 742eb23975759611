//! Cases: a question to a plugin, and the answer that is expected, as YAML.

mod decision;
mod expectation;
mod partial;
mod question;
mod verdict;

use std::path::{Path, PathBuf};

use arcane_contract::api::PluginSpec;
use serde_json::Value;

use crate::exit::Failure;
use crate::fields::Fields;
use crate::settings;
use crate::yaml;

pub use decision::value as decision_value;
pub use expectation::{Answer, Expectation};
pub use question::{Ask, Question, implied_mode, json_text, read_failure, seconds};
pub use verdict::{Outcome, not_wanted, run};

/// A question to a plugin, and the answer that is expected.
#[derive(Debug)]
pub struct Case {
    /// What the case shows, for people.
    pub name: String,
    /// `spec.plugin` of the class: the case's own config and grants, else as it is by default.
    pub plugin: PluginSpec,
    /// The question.
    pub question: Question,
    /// The answer that is expected.
    pub expected: Expectation,
}

impl Case {
    /// Reads one case.
    ///
    /// # Errors
    /// Names the field that is wrong, and what belongs there.
    pub fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields::of("", value, &["name", "config", "grants", "given", "expect"])
            .map_err(|error| error.trim_start().to_owned())?;
        let name = fields.text("name")?.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| fields.wrong("name", "what the case shows"))?;
        let given = fields.value("given");
        let given = given.ok_or_else(|| fields.wrong("given", "the question, an object"))?;
        let expect = fields.value("expect");
        let expect = expect.ok_or_else(|| fields.wrong("expect", "the answer, an object"))?;
        let plugin = settings::spec(fields.object("config")?, fields.object("grants")?)?;
        let question = Question::read(given)?;
        let expected = Expectation::read(expect, &question)?;
        Ok(Self {
            name: name.to_owned(),
            plugin,
            question,
            expected,
        })
    }
}

/// A file of cases.
#[derive(Debug)]
pub struct CaseFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its cases, in order.
    pub cases: Vec<Case>,
}

impl CaseFile {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// Names the file, the case and the field.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display().to_string();
        let document = yaml::document(&place, &yaml::text(path)?)?;
        let wrong = |what: &str| Failure::unreadable(format!("{place}: {what}"));
        let list = document.as_array().filter(|list| !list.is_empty());
        let list =
            list.ok_or_else(|| wrong("is not a list of cases: begin each case with `- name: …`"))?;
        let mut cases = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let name = value["name"].as_str().unwrap_or("without a name");
            let case = Case::read(value)
                .map_err(|error| wrong(&format!("case {} ({name}): {error}", index + 1)))?;
            cases.push(case);
        }
        Ok(Self {
            path: path.to_owned(),
            cases,
        })
    }

    /// Reads a file, or all `*.yaml` and `*.yml` of a folder, in the order of their names.
    ///
    /// # Errors
    /// As [`CaseFile::read`], and if a folder has none.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, Failure> {
        if !path.is_dir() {
            return Ok(vec![Self::read(path)?]);
        }
        let unreadable = |what: &dyn std::fmt::Display| {
            Failure::unreadable(format!("{}: {what}", path.display()))
        };
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(&error))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| unreadable(&error))?.path();
            if file
                .extension()
                .is_some_and(|ext| ext == "yaml" || ext == "yml")
            {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(unreadable(
                &"holds no cases: add a file such as cases.yaml to it",
            ));
        }
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }
}
