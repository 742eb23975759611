//! What a request asks for, in the words of the audit log.

use bytes::Bytes;
use http::{Method, Uri};
use serde::Deserialize;

/// A request to the API server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub(super) verb: &'static str,
    /// Plural of the resource with its subresource, for example `jobs/status`; empty for what is no
    /// resource, such as `/version`.
    pub(super) resource: String,
    /// Empty where there is none.
    pub(super) namespace: String,
    /// Empty for lists and watches. Of what is created, the object itself tells.
    pub(super) name: String,
    /// Whether the answer is to begin with all that there is.
    pub(super) lists: bool,
    /// Whether the answer may be from the past.
    pub(super) allows_stale: bool,
}

impl Call {
    /// Reads a request.
    pub(super) fn of(method: &Method, uri: &Uri, body: &Bytes) -> Self {
        let Some(path) = Path::of(uri.path()) else {
            return Self::default();
        };
        let query = uri.query().unwrap_or_default();
        let has = |wanted: &str| query.split('&').any(|pair| pair == wanted);
        let is_named = !path.name.is_empty();
        let watches = has("watch=true") || has("watch=1");
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if is_named => "delete",
            Method::DELETE => "deletecollection",
            _ if is_named => "get",
            _ if watches => "watch",
            _ => "list",
        };
        let name = if verb == "create" && !is_named {
            name_in(body)
        } else {
            path.name.to_owned()
        };
        Self {
            verb,
            resource: match path.subresource {
                "" => path.resource.to_owned(),
                subresource => format!("{}/{subresource}", path.resource),
            },
            namespace: path.namespace.to_owned(),
            name,
            lists: verb == "list" || (verb == "watch" && has("sendInitialEvents=true")),
            allows_stale: has("resourceVersion=0"),
        }
    }

    /// Whether it may change something.
    pub(super) fn mutates(&self) -> bool {
        matches!(
            self.verb,
            "create" | "update" | "patch" | "delete" | "deletecollection"
        )
    }
}

/// The parts of a resource's path.
#[derive(Debug, PartialEq, Eq)]
struct Path<'a> {
    namespace: &'a str,
    resource: &'a str,
    name: &'a str,
    subresource: &'a str,
}

impl<'a> Path<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        match parts.next()? {
            "api" => {}
            "apis" => {
                parts.next()?;
            }
            _ => return None,
        }
        parts.next()?;
        let mut rest: Vec<&str> = parts.collect();
        // A namespace is a resource, too, and has subresources of its own.
        let is_within =
            rest.len() > 2 && rest[0] == "namespaces" && !["status", "finalize"].contains(&rest[2]);
        let namespace = if is_within {
            rest.drain(..2).nth(1).unwrap_or_default()
        } else {
            ""
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default();
        Some(Self {
            namespace,
            resource: rest.first()?,
            name: part(1),
            subresource: part(2),
        })
    }
}

/// The name that an object gives itself; empty if the API server is to choose.
fn name_in(body: &Bytes) -> String {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(default)]
        name: String,
    }
    serde_json::from_slice(body)
        .map_or_else(|_| String::new(), |object: Object| object.metadata.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, uri: &str, body: &'static str) -> (&'static str, String, String, String) {
        let call = Call::of(
            &method.parse().unwrap(),
            &uri.parse().unwrap(),
            &Bytes::from_static(body.as_bytes()),
        );
        (call.verb, call.resource, call.namespace, call.name)
    }

    fn expected(
        verb: &'static str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> (&'static str, String, String, String) {
        (verb, resource.into(), namespace.into(), name.into())
    }

    #[test]
    fn a_request_has_the_words_that_the_audit_log_has_for_it() {
        for (method, uri, words) in [
            (
                "GET",
                "/apis/batch/v1/jobs?limit=5",
                ("list", "jobs", "", ""),
            ),
            (
                "GET",
                "/apis/batch/v1/jobs?watch=true&limit=5",
                ("watch", "jobs", "", ""),
            ),
            (
                "GET",
                "/apis/batch/v1/namespaces/n/jobs/j",
                ("get", "jobs", "n", "j"),
            ),
            (
                "PATCH",
                "/apis/g.io/v1/namespaces/n/streams/s/status",
                ("patch", "streams/status", "n", "s"),
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/n/jobs/j",
                ("delete", "jobs", "n", "j"),
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/n/jobs",
                ("deletecollection", "jobs", "n", ""),
            ),
            (
                "PUT",
                "/api/v1/namespaces/n/finalize",
                ("update", "namespaces/finalize", "", "n"),
            ),
            (
                "GET",
                "/api/v1/namespaces/n",
                ("get", "namespaces", "", "n"),
            ),
            ("GET", "/api/v1/namespaces", ("list", "namespaces", "", "")),
        ] {
            let (verb, resource, namespace, name) = words;
            assert_eq!(
                call(method, uri, ""),
                expected(verb, resource, namespace, name),
                "{uri}"
            );
        }
    }

    #[test]
    fn what_is_created_has_the_name_that_it_gives_itself() {
        let uri = "/apis/batch/v1/namespaces/n/jobs";
        let named = r#"{"kind": "Job", "metadata": {"name": "j"}}"#;
        assert_eq!(
            call("POST", uri, named),
            expected("create", "jobs", "n", "j")
        );
        let unnamed = r#"{"metadata": {"generateName": "j-"}}"#;
        assert_eq!(
            call("POST", uri, unnamed),
            expected("create", "jobs", "n", "")
        );
    }

    #[test]
    fn what_is_no_resource_matches_nothing() {
        assert_eq!(call("GET", "/version", ""), expected("", "", "", ""));
    }

    #[test]
    fn a_watch_that_begins_with_all_that_there_is_lists() {
        let lists = |uri: &str| Call::of(&Method::GET, &uri.parse().unwrap(), &Bytes::new()).lists;
        assert!(lists("/api/v1/pods?limit=500"));
        assert!(lists("/api/v1/pods?watch=true&sendInitialEvents=true"));
        assert!(!lists("/api/v1/pods?watch=true&resourceVersion=7"));
    }
}
