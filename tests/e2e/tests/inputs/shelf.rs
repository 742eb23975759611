//! Objects of one kind, written and read as text: not even a client may need to understand them.

use anyhow::{Context, Result};
use http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};

/// What etcd says to objects that it will not store.
const TOO_LARGE: &str = "request is too large";

/// Objects of one kind in one place.
pub struct Shelf {
    client: Client,
    api_version: &'static str,
    kind: String,
    path: String,
}

/// What can be seen of an object, whatever else it has.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    pub metadata: Metadata,
    pub spec: Option<Spec>,
    #[serde(default)]
    pub status: Status,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    pub name: String,
}

/// What a request says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    pub stream_class: String,
    pub stream_id: String,
    pub completed: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub phase: Option<String>,
    pub conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    #[serde(default)]
    pub message: String,
}

impl Status {
    /// The message of the first condition of one of these types and this status.
    pub fn message(&self, kinds: &[&str], status: &str) -> Option<&str> {
        let mut conditions = self.conditions.iter();
        let told = conditions
            .find(|condition| kinds.contains(&&*condition.kind) && condition.status == status);
        told.map(|condition| condition.message.as_str())
    }
}

impl Shelf {
    /// `namespace`: none for kinds of the whole cluster.
    pub fn new(client: Client, namespace: Option<&str>, kind: &str, plural: &str) -> Self {
        let place = namespace.map_or_else(String::new, |name| format!("namespaces/{name}/"));
        Self {
            client,
            api_version: "streaming.sneaksanddata.com/v1",
            kind: kind.to_owned(),
            path: format!("/apis/streaming.sneaksanddata.com/v1/{place}{plural}"),
        }
    }

    /// Creates an object, or tells why the API server refuses it.
    pub async fn create(&self, name: &str, object: &Value) -> Result<Result<(), String>> {
        let mut object = object.clone();
        object["apiVersion"] = json!(self.api_version);
        object["kind"] = json!(self.kind);
        object["metadata"]["name"] = json!(name);
        // A header for each unknown field would be more than a client reads.
        let request = Request::post(format!("{}?fieldValidation=Ignore", self.path))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())?;
        match self.client.request_text(request).await {
            Ok(_) => Ok(Ok(())),
            Err(kube::Error::Api(status))
                if matches!(status.code, 400 | 413 | 422) || status.message.contains(TOO_LARGE) =>
            {
                Ok(Err(status.message.clone()))
            }
            Err(error) => Err(error).with_context(|| format!("failed to create {name}")),
        }
    }

    pub async fn patch(&self, name: &str, patch: &Value) -> Result<()> {
        let request = Request::patch(format!("{}/{name}", self.path))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())?;
        self.client.request_text(request).await?;
        Ok(())
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        let request = Request::delete(format!("{}/{name}", self.path)).body(Vec::new())?;
        self.client.request_text(request).await?;
        Ok(())
    }

    /// All of them.
    pub async fn list(&self) -> Result<Vec<Seen>> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<Seen>,
        }
        let request = Request::get(&self.path).body(Vec::new())?;
        let text = self.client.request_text(request).await?;
        Ok(serde_json::from_str::<List>(&text)?.items)
    }
}
