//! The guard rails know every field of a Job that the real API server knows.

use arcane_cluster::Cluster;
use arcane_plugins::rails::{Classification, classify};
use serde_json::Value;

/// Where the schema of a Job is in the API server's OpenAPI document.
const JOB: &str = "io.k8s.api.batch.v1.Job";

#[tokio::test]
async fn every_field_of_a_job_in_the_api_servers_own_schema_is_classified() {
    let client = Cluster::shared().await.unwrap().client().unwrap();
    let request = http::Request::get("/openapi/v3/apis/batch/v1").body(Vec::new());
    let document: Value = client.request(request.unwrap()).await.unwrap();
    let walk = Walk {
        schemas: &document["components"]["schemas"],
    };
    let mut fields = Vec::new();
    walk.leaves(&mut Vec::new(), &walk.schemas[JOB], &mut fields);
    assert!(fields.len() > 700, "{} fields only", fields.len());
    let is_unknown = |path: &&Vec<String>| {
        let steps: Vec<_> = path.iter().map(String::as_str).collect();
        matches!(
            classify(&steps),
            Classification::Unclassified | Classification::Parent
        )
    };
    // What the API server writes itself is no part of what is rendered.
    let of_job = fields.iter().filter(|path| path[0] != "status");
    let unknown: Vec<_> = of_job
        .filter(is_unknown)
        .map(|path| path.join("."))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
}

struct Walk<'a> {
    schemas: &'a Value,
}

impl<'a> Walk<'a> {
    /// Paths of all fields that have none below.
    fn leaves(&self, path: &mut Vec<String>, schema: &'a Value, fields: &mut Vec<Vec<String>>) {
        let schema = self.resolve(schema);
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                self.below(path, name, property, fields);
            }
        } else if schema["items"].is_object() {
            self.below(path, "[]", &schema["items"], fields);
        } else if schema["additionalProperties"].is_object() {
            self.below(path, "{}", &schema["additionalProperties"], fields);
        } else {
            fields.push(path.clone());
        }
    }

    fn below(
        &self,
        path: &mut Vec<String>,
        step: &str,
        schema: &'a Value,
        fields: &mut Vec<Vec<String>>,
    ) {
        path.push(step.to_owned());
        self.leaves(path, schema, fields);
        path.pop();
    }

    /// What a schema refers to, by itself or as the one part of a whole.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"]
            .as_str()
            .or_else(|| schema["allOf"][0]["$ref"].as_str());
        match reference.and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => self.resolve(&self.schemas[name]),
            None => schema,
        }
    }
}
