//! Rendered objects as a plugin sees them, and as it has changed them.

use serde_json::{Value, json};

use super::{Job, Rendered, mark};
use crate::{canonical, names};

impl Rendered {
    /// The Job in this object: itself, or what a CronJob makes its Jobs from, as a Job of its own. It
    /// has labels and annotations, if only empty ones: a JSON Patch cannot add to what is not there.
    #[must_use]
    pub fn job(&self) -> Job {
        match self.job_template() {
            None => {
                let mut value = self.manifest.clone();
                unmark(&mut value);
                let text = self.text.clone();
                Job { value, text }
            }
            Some(template) => {
                let mut value = json!({
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": template["metadata"],
                    "spec": template["spec"],
                });
                let annotations = &mut value["metadata"]["annotations"];
                if annotations.is_null() {
                    *annotations = json!({});
                }
                let text = canonical::to_string(&value);
                Job { value, text }
            }
        }
    }

    /// The same object with another Job in it, as [`Rendered::job`] gave it and `plugin` changed
    /// it. The render hash follows the change; `plugin` is annotated, and no part of it.
    #[must_use]
    pub fn with_job(&self, mut job: Value, plugin: &str) -> Self {
        let mut manifest = if self.job_template().is_some() {
            let mut cron_job = self.manifest.clone();
            let template = &mut cron_job["spec"]["jobTemplate"];
            template["metadata"] = job["metadata"].take();
            let metadata = template["metadata"].as_object_mut();
            if let Some(metadata) = metadata
                && metadata.get("annotations") == Some(&json!({}))
            {
                metadata.remove("annotations");
            }
            template["spec"] = job["spec"].take();
            cron_job
        } else {
            job
        };
        unmark(&mut manifest);
        let (render_hash, text) = mark(&mut manifest);
        manifest["metadata"]["annotations"][names::ANNOTATION_PLUGIN] = plugin.into();
        Self {
            manifest,
            configuration_hash: self.configuration_hash.clone(),
            equivalent_hashes: self.equivalent_hashes.clone(),
            render_hash,
            text,
        }
    }

    fn job_template(&self) -> Option<&Value> {
        self.manifest["spec"].get("jobTemplate")
    }
}

/// Takes the render hash out again.
fn unmark(manifest: &mut Value) {
    if let Some(annotations) = manifest["metadata"]["annotations"].as_object_mut() {
        annotations.remove(names::ANNOTATION_RENDER_HASH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Settings, Stream, cron_job, streaming_job};
    use crate::stream::SpecJson;
    use crate::template::JobTemplate;

    fn rendered(scheduled: bool) -> Rendered {
        let template = json!({"spec": {"template": {"spec": {
            "containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never",
        }}}});
        let template = JobTemplate::parse("ns", "t", &template).unwrap();
        let stream = Stream {
            api_version: "g/v1",
            kind: "Sample",
            namespace: "ns",
            name: "s",
            uid: "u",
            spec: &SpecJson::new(&json!({"a": 1})),
            restart: None,
            retry: None,
            class: "c",
            secret_refs: &[],
        };
        if scheduled {
            cron_job(&stream, &template, "0 * * * *", None).unwrap()
        } else {
            streaming_job(&stream, &template, &Settings::default()).unwrap()
        }
    }

    #[test]
    fn an_unchanged_job_keeps_its_render_hash_whoever_looked_at_it() {
        for scheduled in [false, true] {
            let before = rendered(scheduled);
            let job = before.job().value;
            let after = before.with_job(job, "p 1.0 sha256:a");
            assert_eq!(after.render_hash, before.render_hash);
            let annotations = &after.manifest["metadata"]["annotations"];
            assert_eq!(annotations[names::ANNOTATION_PLUGIN], "p 1.0 sha256:a");
            assert_eq!(
                annotations[names::ANNOTATION_RENDER_HASH],
                before.render_hash.as_str()
            );
        }
    }

    #[test]
    fn a_plugin_is_given_the_jobs_own_canonical_text_and_no_render_hash() {
        for scheduled in [false, true] {
            let job = rendered(scheduled).job();
            assert_eq!(job.text, canonical::to_string(&job.value));
            assert_eq!(job.value["kind"], "Job");
            assert!(!job.text.contains(names::ANNOTATION_RENDER_HASH));
        }
    }

    #[test]
    fn what_a_plugin_adds_labels_and_annotations_to_is_there_in_every_mode() {
        for scheduled in [false, true] {
            let before = rendered(scheduled);
            let mut job = before.job().value;
            for field in ["labels", "annotations"] {
                let pairs = job["metadata"][field].as_object_mut().unwrap();
                pairs.insert("example.com/a".into(), json!("b"));
            }
            let after = before.with_job(job, "p").job().value;
            for field in ["labels", "annotations"] {
                assert_eq!(after["metadata"][field]["example.com/a"], "b");
            }
        }
    }

    #[test]
    fn a_changed_job_has_another_render_hash_and_the_same_configuration_hash() {
        for scheduled in [false, true] {
            let before = rendered(scheduled);
            let mut job = before.job().value;
            assert_eq!(job["kind"], "Job");
            job["spec"]["backoffLimit"] = json!(7);
            let after = before.with_job(job, "p");
            assert_ne!(after.render_hash, before.render_hash);
            assert_eq!(after.configuration_hash, before.configuration_hash);
            let spec = if scheduled {
                &after.manifest["spec"]["jobTemplate"]["spec"]
            } else {
                &after.manifest["spec"]
            };
            assert_eq!(spec["backoffLimit"], 7);
        }
    }
}
