//! Where the processor's time goes: to which of the benchmark's own programs, and to what else runs
//! on the machine, which a measurement is worth less for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::process;

use anyhow::{Context, Result};

use crate::figures::number;

/// Linux tells processor time in hundredths of a second, on every architecture.
const TICKS_PER_SECOND: u32 = 100;

/// Processor time used until now.
#[derive(Debug, Default)]
pub struct Moment {
    /// By everything on the machine, in ticks.
    all: u64,
    /// By this process and those below it: name and ticks by process id.
    own: HashMap<u32, (String, u64)>,
}

/// Processor time used between two moments, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Used {
    /// By name of the program.
    pub own: BTreeMap<String, f64>,
    /// By everything else.
    pub others: f64,
}

impl Moment {
    /// Now.
    pub fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let processes = Process::all("/proc")?;
        Ok(Self {
            all: busy(&stat).context("/proc/stat tells no processor time")?,
            own: family(process::id(), processes),
        })
    }

    /// What has been used since.
    pub fn used_until(&self, later: &Self) -> Used {
        let mut own = BTreeMap::new();
        for (id, (name, ticks)) in &later.own {
            let before = self.own.get(id).map_or(0, |(_, ticks)| *ticks);
            *own.entry(name.clone()).or_default() += seconds(ticks.saturating_sub(before));
        }
        let all = seconds(later.all.saturating_sub(self.all));
        let others = (all - own.values().sum::<f64>()).max(0.0);
        Used { own, others }
    }
}

impl Used {
    /// Milliseconds of each program for each stream, the largest first.
    pub fn show(&self, streams: usize) -> String {
        let mut own: Vec<_> = self.own.iter().collect();
        own.sort_by(|a, b| b.1.total_cmp(a.1));
        let own = own.into_iter().map(|(name, seconds)| {
            let each = seconds * 1000.0 / number(streams);
            format!("{name} {each:.1}")
        });
        own.collect::<Vec<_>>().join(", ")
    }

    /// What everything else used of the time that the machine's cores had in `elapsed` seconds.
    pub fn share_of_others(&self, elapsed: f64) -> f64 {
        self.others / (elapsed * number(cores())).max(f64::EPSILON)
    }
}

/// Processor time that those threads of this process have used which have this name, in seconds.
/// Threads that have ended do not count.
pub fn used_by_threads(name: &str) -> Result<f64> {
    let threads = Process::all("/proc/self/task")?.into_iter();
    let named = threads.filter(|thread| thread.name == name);
    Ok(seconds(named.map(|thread| thread.ticks).sum()))
}

/// Cores that can be used.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn seconds(ticks: u64) -> f64 {
    u32::try_from(ticks).map_or(f64::INFINITY, f64::from) / f64::from(TICKS_PER_SECOND)
}

/// Time that the cores were not idle, of `/proc/stat`.
fn busy(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields = line.split_whitespace().map(str::parse);
    let fields: Vec<u64> = fields.collect::<Result<_, _>>().ok()?;
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of user.
    let (before, after) = (fields.get(..3)?, fields.get(5..8)?);
    Some(before.iter().chain(after).sum())
}

/// A process, or a thread, which tells the same of itself.
#[derive(Debug, Clone, PartialEq)]
struct Process {
    id: u32,
    parent: u32,
    name: String,
    ticks: u64,
}

impl Process {
    /// All that have a directory in this one. What is none, or has ended meanwhile, is passed over.
    fn all(directory: &str) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(directory)? {
            let stat = fs::read_to_string(entry?.path().join("stat"));
            all.extend(stat.ok().as_deref().and_then(Self::read));
        }
        Ok(all)
    }

    /// Reads `/proc/<pid>/stat`.
    fn read(stat: &str) -> Option<Self> {
        // The name is in parentheses and may hold anything.
        let (id, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split(' ').collect();
        let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            id: id.parse().ok()?,
            parent: u32::try_from(field(1)?).ok()?,
            name: name.to_owned(),
            ticks: field(11)? + field(12)?,
        })
    }
}

/// A process and all below it.
fn family(root: u32, processes: Vec<Process>) -> HashMap<u32, (String, u64)> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in &processes {
        children.entry(process.parent).or_default().push(process.id);
    }
    let mut members = HashSet::new();
    let mut next = vec![root];
    while let Some(id) = next.pop() {
        if members.insert(id) {
            next.extend(children.remove(&id).unwrap_or_default());
        }
    }
    let own = processes
        .into_iter()
        .filter(|process| members.contains(&process.id));
    own.map(
        |Process {
             id, name, ticks, ..
         }| (id, (name, ticks)),
    )
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: u32, parent: u32, name: &str, ticks: u64) -> Process {
        Process {
            id,
            parent,
            name: name.into(),
            ticks,
        }
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (odd) name) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 7 0 1 2 3";
        assert_eq!(Process::read(stat), Some(process(42, 7, "odd) name", 200)));
        assert_eq!(Process::read("42"), None);
    }

    #[test]
    fn idle_cores_are_not_busy() {
        let stat = "cpu  10 20 30 9999 9999 1 2 3 10 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy(stat), Some(66));
        assert_eq!(busy("intr 1 2 3"), None);
    }

    #[test]
    fn the_family_is_all_below_and_nobody_else() {
        let processes = vec![
            process(1, 0, "init", 1),
            process(2, 1, "bench", 2),
            process(3, 2, "child", 3),
            process(4, 3, "grandchild", 4),
            process(5, 1, "stranger", 5),
        ];
        let mut members: Vec<_> = family(2, processes).into_keys().collect();
        members.sort_unstable();
        assert_eq!(members, [2, 3, 4]);
    }

    #[test]
    fn what_is_not_ones_own_is_others() {
        let moment = |all, ticks| Moment {
            all,
            own: HashMap::from([(7, ("server".to_owned(), ticks))]),
        };
        let used = moment(1000, 100).used_until(&moment(1500, 400));
        assert_eq!(used.own, BTreeMap::from([("server".to_owned(), 3.0)]));
        assert_eq!(used.others, 2.0);
        assert_eq!(used.show(10), "server 300.0");
    }

    #[test]
    fn this_process_is_seen() {
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        let own = Moment::now().unwrap().own;
        assert_eq!(own[&process::id()].0, name.trim());
    }
}
