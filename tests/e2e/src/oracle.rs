//! What the operator should not do, told by the audit log.

use arcane_cluster::audit::{Record, Request};

/// Every blemish in a record of the operator's requests, one line each.
pub(crate) fn blemishes(record: &Record) -> Vec<String> {
    let duplicates = record.duplicates().into_iter().map(|duplicate| {
        format!(
            "Job {} was made {} times for {}",
            duplicate.name, duplicate.times, duplicate.backfill_request
        )
    });
    let unchanged = record.unchanged();
    let unchanged = unchanged
        .iter()
        .map(|request| format!("nothing changed by {}", line(request)));
    let secrets = record.secret_reads();
    let secrets = secrets.iter().map(line);
    let refused = record
        .failed()
        .filter(|request| !request.dry_run && !is_lost_race(request) && !is_vain_look(request));
    let refused = refused
        .iter()
        .map(|request| format!("{}: {}", line(request), request.message));
    duplicates
        .chain(unchanged)
        .chain(secrets)
        .chain(refused)
        .collect()
}

/// All that a record holds, one line each.
pub(crate) fn account(record: &Record) -> Vec<String> {
    record.iter().map(line).collect()
}

/// A change of what had been seen, that came after somebody else's change or deletion of it.
fn is_lost_race(request: &Request) -> bool {
    matches!(request.code, 404 | 409) && matches!(request.verb.as_str(), "patch" | "update")
}

/// A look for something that might have been there.
fn is_vain_look(request: &Request) -> bool {
    request.code == 404 && request.verb == "get"
}

fn line(request: &Request) -> String {
    let trial = if request.dry_run { " (dry run)" } else { "" };
    format!(
        "{} {} {} {}{trial} -> {}",
        request.received, request.verb, request.resource, request.name, request.code
    )
}
