//! Objects that differ from a valid one in one field or two.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Levels of nesting: more than a reader with a limit against hostile texts takes.
const DEEP: usize = 200;
/// Characters of a long text: more than any name, label or message may have.
const LONG: usize = 5_000;
/// Characters of a huge text. Each takes six bytes as it is stored: more than half of the 1.5 MiB that
/// an object may have would leave no room for a pod.
const HUGE: usize = 100_000;
/// Every so many mutants have a second field changed, so that fields contradict each other.
const PAIRED: usize = 4;
/// Huge objects of one kind: they take the control plane's time.
const MOST_HUGE: usize = 2;

/// An object, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// Field and change.
    pub what: String,
    /// The object.
    pub object: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Remove,
    Null,
    Number,
    Negative,
    Fraction,
    Overflow,
    Flag,
    Opposite,
    Text,
    Blank,
    Padded,
    Unicode,
    Control,
    Path,
    Long,
    Huge,
    EmptyList,
    EmptyObject,
    InList,
    InObject,
    Deep,
    MoreFields,
    ManyFields,
}

impl Change {
    const ALL: [Self; 23] = [
        Self::Remove,
        Self::Null,
        Self::Number,
        Self::Negative,
        Self::Fraction,
        Self::Overflow,
        Self::Flag,
        Self::Opposite,
        Self::Text,
        Self::Blank,
        Self::Padded,
        Self::Unicode,
        Self::Control,
        Self::Path,
        Self::Long,
        Self::Huge,
        Self::EmptyList,
        Self::EmptyObject,
        Self::InList,
        Self::InObject,
        Self::Deep,
        Self::MoreFields,
        Self::ManyFields,
    ];

    /// What becomes of a value; none where the change does not fit it.
    fn of(self, value: &Value) -> Option<Value> {
        Some(match self {
            // Taken away by `apply`.
            Self::Remove | Self::Null => Value::Null,
            Self::Number => json!(42),
            Self::Negative => json!(-1),
            Self::Fraction => json!(0.5),
            Self::Overflow => json!(u64::MAX),
            Self::Flag => json!(true),
            Self::Opposite => json!(!value.as_bool()?),
            Self::Text => json!("unknown"),
            Self::Blank => json!(""),
            Self::Padded => json!(format!(" {} ", value.as_str()?)),
            Self::Unicode => json!("straße-\u{202e}漢字-🚀"),
            Self::Control => json!("a\u{0}b\u{1b}[31m\r\n\u{7f}"),
            Self::Path => json!("../../etc/passwd"),
            Self::Long => json!("x".repeat(LONG)),
            Self::Huge => json!("<".repeat(HUGE)),
            Self::EmptyList => json!([]),
            Self::EmptyObject => json!({}),
            Self::InList => json!([value]),
            Self::InObject => json!({"value": value}),
            Self::Deep => (0..DEEP).fold(json!(1), |inner, _| json!([inner])),
            Self::MoreFields => {
                let mut fields = value.as_object()?.clone();
                fields.insert("unknown".into(), json!({"fields": [1, "two", null]}));
                fields.into()
            }
            Self::ManyFields => {
                let mut fields = value.as_object()?.clone();
                let more = (0..1_000).map(|number| (format!("field-{number}"), json!(number)));
                fields.extend(more);
                fields.into()
            }
        })
    }
}

/// `count` objects that differ from `object` in its `spec`; the same ones for the same seed.
pub fn mutants(object: &Value, seed: u64, count: usize) -> Vec<Mutant> {
    let mut random = fastrand::Rng::with_seed(seed);
    let fields = pointers(&object["spec"], "/spec");
    let mut all: Vec<(&String, Change)> = fields
        .iter()
        .flat_map(|field| Change::ALL.map(|change| (field, change)))
        .collect();
    random.shuffle(&mut all);
    let mut seen = BTreeSet::from([object.to_string()]);
    let mut mutants = Vec::new();
    let mut huge = 0;
    for (field, change) in all.iter().copied().cycle().take(all.len() * PAIRED) {
        if mutants.len() == count {
            break;
        }
        if change == Change::Huge && huge == MOST_HUGE {
            continue;
        }
        let mut mutant = Mutant {
            what: String::new(),
            object: object.clone(),
        };
        if !apply(&mut mutant, field, change) {
            continue;
        }
        if mutants.len() % PAIRED == PAIRED - 1 {
            let (field, change) = all[random.usize(..all.len())];
            if change != Change::Huge {
                apply(&mut mutant, field, change);
            }
        }
        if seen.insert(mutant.object.to_string()) {
            huge += usize::from(change == Change::Huge);
            mutants.push(mutant);
        }
    }
    mutants
}

/// The pointers of a value and all in it.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let escape = |key: &String| key.replace('~', "~0").replace('/', "~1");
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (escape(key), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let inner = inner
        .iter()
        .flat_map(|(key, value)| pointers(value, &format!("{at}/{key}")));
    std::iter::once(at.to_owned()).chain(inner).collect()
}

/// Makes one change; false if it does not fit.
fn apply(mutant: &mut Mutant, field: &str, change: Change) -> bool {
    let Mutant { what, object } = mutant;
    if change == Change::Remove {
        if !remove(object, field) {
            return false;
        }
    } else {
        let Some(value) = object.pointer_mut(field) else {
            return false;
        };
        let Some(changed) = change.of(value) else {
            return false;
        };
        *value = changed;
    }
    let separator = if what.is_empty() { "" } else { ", " };
    what.push_str(&format!("{separator}{field} {change:?}"));
    true
}

fn remove(object: &mut Value, field: &str) -> bool {
    let Some((parent, key)) = field.rsplit_once('/') else {
        return false;
    };
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => remove_field(fields, key),
        Some(Value::Array(items)) => key
            .parse()
            .is_ok_and(|index: usize| index < items.len() && !items.remove(index).is_null()),
        _ => false,
    }
}

fn remove_field(fields: &mut Map<String, Value>, key: &str) -> bool {
    let key = key.replace("~1", "/").replace("~0", "~");
    fields.remove(&key).is_some()
}

#[test]
fn the_same_seed_makes_the_same_mutants_and_all_of_them_differ() {
    let object = json!({"metadata": {}, "spec": {"a": {"b/c": true, "d": ["e", 1]}}});
    let first = mutants(&object, 7, 60);
    let text =
        |all: &[Mutant]| -> Vec<String> { all.iter().map(|it| it.object.to_string()).collect() };
    assert_eq!(first.len(), 60);
    assert_eq!(text(&first), text(&mutants(&object, 7, 60)));
    let different: BTreeSet<_> = text(&first).into_iter().collect();
    assert_eq!(different.len(), 60);
    assert!(!different.contains(&object.to_string()));
}
