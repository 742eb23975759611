//! The table of what goes wrong.

use std::time::Duration;

use arcane_cluster::{Fault, Injection, Proxy, Rule};

/// A kind of trouble, which lasts for as long as the operator runs.
pub struct Class {
    /// In words.
    pub name: &'static str,
    /// The rules that make it.
    pub rules: fn() -> Vec<Rule>,
}

/// Watched by the operator for streams of the tests.
const WATCHED: [&str; 4] = [
    "jobs",
    "backfillrequests",
    "cronjobs",
    "streamingjobtemplates",
];

/// Each third request that writes, events included.
fn writes(fault: Fault) -> Vec<Rule> {
    vec![Rule::new(fault).writes().every(3)]
}

/// Each fourth that reads, from the very first lists on, and each third that writes.
fn everything(fault: &Fault) -> Vec<Rule> {
    let reads = Rule::new(fault.clone()).verbs(&["get", "list", "watch"]);
    vec![
        reads.skip(2).every(4),
        Rule::new(fault.clone()).writes().every(3),
    ]
}

pub const DELAY: Class = Class {
    name: "writes reach the API server late",
    rules: || writes(Fault::Delay(Duration::from_millis(700))),
};

pub const CONFLICT: Class = Class {
    name: "409",
    rules: || writes(Fault::Answer(409)),
};

pub const TOO_MANY: Class = Class {
    name: "429",
    rules: || everything(&Fault::Answer(429)),
};

pub const INTERNAL: Class = Class {
    name: "500",
    rules: || everything(&Fault::Answer(500)),
};

pub const UNAVAILABLE: Class = Class {
    name: "503",
    rules: || everything(&Fault::Answer(503)),
};

pub const RESET_BEFORE: Class = Class {
    name: "requests are lost",
    rules: || everything(&Fault::ResetBefore),
};

pub const RESET_AFTER: Class = Class {
    name: "answers are lost",
    rules: || writes(Fault::ResetAfter),
};

pub const DRIP: Class = Class {
    name: "answers drip",
    rules: || {
        let drip = Fault::Drip(400, Duration::from_millis(20));
        vec![
            Rule::new(drip)
                .verbs(&["get", "create", "update", "patch", "delete"])
                .every(3),
        ]
    },
};

/// One of two, so that each comes to its end sometimes, however much there is to watch.
pub const CUT: Class = Class {
    name: "watches are cut",
    rules: || vec![Rule::new(Fault::Cut(6_000)).every(2)],
};

pub const FREEZE: Class = Class {
    name: "watches freeze",
    rules: || {
        let freeze = |resource| Rule::new(Fault::Freeze).resource(resource).at_most(1);
        vec![freeze("jobs").skip(30), freeze("backfillrequests").skip(6)]
    },
};

pub const GONE: Class = Class {
    name: "410",
    rules: || vec![Rule::new(Fault::Gone).skip(40).every(25)],
};

/// Only events that others follow: what the last one said cannot be known without asking again,
/// and the API server never keeps one back without ending the watch.
pub const DROP: Class = Class {
    name: "events are dropped",
    rules: || {
        let added = |resource| Rule::new(Fault::Drop).resource(resource).events(&["ADDED"]);
        vec![added("jobs")]
    },
};

pub const LATE: Class = Class {
    name: "events are late",
    rules: || {
        let late = |resource: &str, pause| {
            Rule::new(Fault::Late(Duration::from_millis(pause)))
                .resource(resource)
                .every(5)
        };
        let mut rules: Vec<_> = WATCHED.iter().map(|resource| late(resource, 500)).collect();
        // Definitions, whatever they are called.
        rules.push(Rule::new(Fault::Late(Duration::from_millis(300))).every(5));
        rules
    },
};

impl Class {
    /// Begins it.
    pub fn begin(&self, proxy: &Proxy) -> Vec<Injection> {
        (self.rules)()
            .into_iter()
            .map(|rule| proxy.inject(rule))
            .collect()
    }
}
