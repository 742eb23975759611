//! The files of a new project.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use arcane_plugins::Hook;

use super::examples::{
    DECIDE, EXAMPLES, Example, NEXT_TICK, NOW, README, RENDER, TEMPLATE_CASE, TOLD_TO_SKIP,
};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Where a project has its copy of the SDK.
const VENDORED: &str = "vendor/arcane-plugin-sdk";
/// Where a project has its cases.
const CASES: &str = "cases/cases.yaml";
/// The plugin's name in the template.
const TEMPLATE_NAME: &str = "my-plugin";

/// What a new project is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the plugin and its package.
    pub name: String,
    /// Folder of the SDK; none for a copy of it in the project.
    pub sdk: Option<PathBuf>,
    /// When the plugin is to be asked; none for what the template shows.
    pub hooks: Option<BTreeSet<Hook>>,
}

impl Plan {
    /// Paths in the project, and what stands there.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        for (path, content) in TEMPLATE {
            let content = content.replace(TEMPLATE_NAME, &self.name);
            let content = match (*path, &self.sdk) {
                ("Cargo.toml", Some(sdk)) => {
                    let sdk = sdk.display().to_string();
                    content.replace(&format!("{VENDORED:?}"), &format!("{sdk:?}"))
                }
                _ => content,
            };
            files.push((PathBuf::from(path), content));
        }
        files.push((PathBuf::from(CASES), TEMPLATE_CASE.to_owned()));
        if let Some(hooks) = &self.hooks {
            let replaced = ["README.md", "src/", "cases/"];
            files.retain(|(path, _)| !replaced.iter().any(|part| path.starts_with(part)));
            files.extend(
                of_hooks(&self.name, hooks).map(|(path, content)| (PathBuf::from(path), content)),
            );
        }
        if self.sdk.is_none() {
            let vendored = PathBuf::from(VENDORED);
            let copies = SDK
                .iter()
                .map(|(path, content)| (vendored.join(path), (*content).to_owned()));
            files.extend(copies);
        }
        files
    }
}

/// Reads a list of hooks such as `render,job-failed`.
///
/// # Errors
/// Names the one that is none.
pub fn hooks(names: &[String]) -> Result<BTreeSet<Hook>, String> {
    let hooks = names.iter().map(|name| {
        Hook::parse(name).ok_or_else(|| {
            let known: Vec<_> = Hook::ALL.iter().map(|hook| hook.as_str()).collect();
            format!("{name:?} is no hook: give some of {}", known.join(","))
        })
    });
    hooks.collect()
}

/// A plugin with an example for each of these hooks.
fn of_hooks(name: &str, hooks: &BTreeSet<Hook>) -> [(&'static str, String); 3] {
    let examples: Vec<_> = EXAMPLES
        .iter()
        .filter(|example| hooks.contains(&example.hook))
        .collect();
    let readme = README.replace(TEMPLATE_NAME, name);
    let cases: String = examples
        .iter()
        .map(|example| example.case.replace(TEMPLATE_NAME, name))
        .collect();
    [
        ("README.md", readme),
        (CASES, cases),
        ("src/lib.rs", source(name, hooks, &examples)),
    ]
}

fn source(name: &str, hooks: &BTreeSet<Hook>, examples: &[&Example]) -> String {
    let decides = hooks.iter().any(|hook| *hook != Hook::Render);
    let renders = hooks.contains(&Hook::Render);
    let ticks = hooks.contains(&Hook::Tick);
    let skips = examples
        .iter()
        .any(|example| example.arm.contains("told_to_skip"));
    let delays = examples
        .iter()
        .any(|example| example.arm.contains("Duration"));

    let mut names = vec!["Context", "Error", "NoConfig", "Plugin", "export_plugin"];
    if renders {
        names.extend(["Job", "Mode"]);
    }
    if decides {
        names.extend(["Decision", "Timestamp", "Trigger"]);
    }
    names.sort_unstable_by_key(|name| (name.starts_with('e'), *name));
    let mut text = String::from("//! Says what it does in one sentence.\n\n");
    if ticks || delays {
        text.push_str("use std::time::Duration;\n\n");
    }
    // Writing to a String does not fail.
    let _ = writeln!(text, "use arcane_plugin_sdk::{{{}}};\n", names.join(", "));
    if skips {
        let _ = writeln!(
            text,
            "/// Annotation of streams for which nothing is to be backfilled.\n\
             const SKIP: &str = \"{name}/skip\";\n"
        );
    }
    text.push_str("struct MyPlugin;\n\nimpl Plugin for MyPlugin {\n    type Config = NoConfig;\n");
    text.push_str("    const SUMMARY: &'static str = \"Says what it does in one sentence.\";\n");
    if renders {
        text.push_str(&RENDER.replace(TEMPLATE_NAME, name));
    }
    if decides {
        let arms: String = examples.iter().map(|example| example.arm).collect();
        let decide = DECIDE.replace("ARMS", &arms);
        text.push_str(&if arms.contains("context") {
            decide
        } else {
            decide.replace(" context:", " _context:")
        });
    }
    if ticks {
        text.push_str(NEXT_TICK);
    }
    text.push_str("}\n\n");
    if skips {
        text.push_str(TOLD_TO_SKIP);
    }
    let hooks: Vec<_> = hooks
        .iter()
        .map(|hook| hook.as_str().replace('-', "_"))
        .collect();
    let _ = writeln!(
        text,
        "export_plugin!(MyPlugin, hooks: [{}], grants: []);\n",
        hooks.join(", ")
    );
    text.push_str(
        "#[cfg(test)]\nmod tests {\n    use arcane_plugin_sdk::testing;\n\n    use super::*;\n",
    );
    if decides {
        text.push_str(NOW);
    }
    for example in examples {
        text.push_str(&example.test.replace(TEMPLATE_NAME, name));
    }
    text.push_str("}\n");
    text
}
