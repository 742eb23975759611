//! What the operator should not do, told by the audit log.

use arcane_cluster::audit::Record;

/// Every blemish in a record of the operator's requests, one line each.
pub(crate) fn blemishes(record: &Record) -> Vec<String> {
    let duplicates = record.duplicates().into_iter().map(|duplicate| {
        format!(
            "Job {} was made {} times for {}",
            duplicate.name, duplicate.times, duplicate.backfill_request
        )
    });
    let unchanged = record.unchanged();
    let unchanged = unchanged.iter().map(|request| {
        let (verb, resource, name) = (&request.verb, &request.resource, &request.name);
        format!("{verb} {resource} {name} changed nothing")
    });
    let secrets = record.secret_reads();
    let secrets = secrets
        .iter()
        .map(|request| format!("{} of Secrets", request.verb));
    let failed = record.failed();
    let failed = failed.iter().map(|request| {
        let (verb, resource, name) = (&request.verb, &request.resource, &request.name);
        format!(
            "{verb} {resource} {name} failed: {} {}",
            request.code, request.message
        )
    });
    duplicates
        .chain(unchanged)
        .chain(secrets)
        .chain(failed)
        .collect()
}
