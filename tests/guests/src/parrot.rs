//! A guest that answers whatever bytes it is told to: what no honest compiler makes of an answer.

use std::fmt::Write as _;

use crate::encode::{self, VERSION};
use crate::layout::{ANSWER, DATA, DECIDE_CONTEXT, SPEC};

/// Where in its memory a [`parrot`] puts the bytes that it is told, and so its answer.
pub const PARROT_BASE: u32 = 64 << 10;
/// How many bytes a [`parrot`] has room for. It traps when there are more.
pub const PARROT_ROOM: u32 = 1 << 20;

/// What a [`parrot`] wants to be asked.
const HOOKS: [&str; 8] = [
    "render",
    "stream-created",
    "backfill-requested",
    "schema-changed",
    "spec-changed",
    "job-failed",
    "job-completed",
    "tick",
];

/// A plugin with every hook, which asks for `grants`. Each call of it takes the stream's `spec` for
/// bytes, a character from U+0000 to U+00FF for each, puts them at [`PARROT_BASE`], and answers that
/// what it answers is there: whatever the canonical ABI makes of them.
///
/// # Errors
/// It cannot be encoded.
pub fn parrot(grants: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut data = Data::default();
    let mut body = String::new();
    for (offset, text) in [
        (0, "parrot"),
        (8, "1.0.0"),
        (16, "Says what it is told to say."),
    ] {
        let at = data.keep(text.as_bytes());
        point(&mut body, offset, at, text.len());
    }
    for (offset, list) in [(24, HOOKS.as_slice()), (32, grants)] {
        let at = data.keep_list(list);
        point(&mut body, offset, at, list.len());
    }
    let base = PARROT_BASE;
    let end = PARROT_BASE + PARROT_ROOM;
    let free_pages = 2;
    let pages = end.div_ceil(1 << 16) + free_pages;
    let interface = |name: &str| format!("arcane:stream-plugin/{name}@{VERSION}");
    let (metadata, renderer) = (interface("metadata"), interface("renderer"));
    let (decider, ticker) = (interface("decider"), interface("ticker"));
    let text = format!(
        r#"(module
(memory (export "memory") {pages})
(global $free (mut i32) (i32.const {end}))
(data (i32.const {DATA}) "{data}")
(func (export "cabi_realloc") (param $old i32) (param $old_size i32)
  (param $align i32) (param $size i32) (result i32)
  (local $at i32) (local $missing i32)
  (local.set $at (i32.and
    (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (local.set $missing (i32.sub
    (i32.shr_u (i32.add (global.get $free) (i32.const 65535)) (i32.const 16)) (memory.size)))
  (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
    (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable)))))
  (local.get $at))
(func $say (param $text i32) (param $length i32) (result i32)
  (local $end i32) (local $to i32) (local $byte i32)
  (local.set $end (i32.add (local.get $text) (local.get $length)))
  (local.set $to (i32.const {base}))
  (block $said (loop $again
    (br_if $said (i32.ge_u (local.get $text) (local.get $end)))
    (if (i32.ge_u (local.get $to) (i32.const {end})) (then (unreachable)))
    (local.set $byte (i32.load8_u (local.get $text)))
    (if (i32.ge_u (local.get $byte) (i32.const 128)) (then
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (local.set $byte (i32.or
        (i32.shl (i32.and (local.get $byte) (i32.const 3)) (i32.const 6))
        (i32.and (i32.load8_u (local.get $text)) (i32.const 63))))))
    (i32.store8 (local.get $to) (local.get $byte))
    (local.set $to (i32.add (local.get $to) (i32.const 1)))
    (local.set $text (i32.add (local.get $text) (i32.const 1)))
    (br $again)))
  (i32.const {base}))
(func (export "{metadata}#describe") (result i32)
{body}(i32.const {ANSWER}))
(func (export "{renderer}#render") (param i32) (result i32)
  (call $say (i32.load offset={SPEC} (local.get 0))
    (i32.load offset={} (local.get 0))))
(func (export "{decider}#decide") (param i32) (result i32)
  (call $say (i32.load offset={} (local.get 0))
    (i32.load offset={} (local.get 0))))
(func (export "{ticker}#next-tick") (param i32) (result i32)
  (call $say (i32.load offset={SPEC} (local.get 0))
    (i32.load offset={} (local.get 0)))))"#,
        SPEC + 4,
        DECIDE_CONTEXT + SPEC,
        DECIDE_CONTEXT + SPEC + 4,
        SPEC + 4,
    );
    let world = [metadata, renderer, decider, ticker].map(|name| format!("export {name};"));
    encode::component(&text, &world.join("\n"), VERSION)
}

/// Says in the answer, at `offset`, what lies where and how much of it there is.
fn point(body: &mut String, offset: u32, at: usize, count: usize) {
    let _ = writeln!(
        body,
        "(i32.store offset={offset} (i32.const {ANSWER}) (i32.const {at}))\n\
         (i32.store offset={} (i32.const {ANSWER}) (i32.const {count}))",
        offset + 4
    );
}

/// What lies in memory from the start.
#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn keep(&mut self, bytes: &[u8]) -> usize {
        let at = DATA as usize + self.0.len();
        self.0.extend_from_slice(bytes);
        at
    }

    fn keep_list(&mut self, texts: &[&str]) -> usize {
        let mut table = Vec::new();
        for text in texts {
            for number in [self.keep(text.as_bytes()), text.len()] {
                table.extend_from_slice(&number.to_le_bytes()[..4]);
            }
        }
        while !self.0.len().is_multiple_of(8) {
            self.0.push(0);
        }
        self.keep(&table)
    }
}

impl std::fmt::Display for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_made_whatever_it_asks_for() {
        for grants in [&[][..], &["images"], &["images", "placement", "volumes"]] {
            assert!(parrot(grants).is_ok(), "{grants:?}");
        }
    }
}
