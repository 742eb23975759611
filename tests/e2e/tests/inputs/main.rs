//! Hundreds of objects that nobody meant to write: each is refused with a word on what is wrong, or
//! worked on, and whatever it is, the operator goes on and so do the other streams.

#![expect(clippy::unwrap_used, reason = "what tests share is test code, too")]

mod mutants;
mod shelf;
mod subjects;
mod trial;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcane_cluster::Operator;
use arcane_cluster::audit::Record;
use arcane_contract::api::{BackfillRequest, StreamClass};
use arcane_e2e::{
    Component, Definition, OPERATOR_USER, Own, Platform, Plugin, STOPPED_WITHIN, quick_backfill,
    until,
};
use arcane_guests::{Builder, Render};
use futures::future::{try_join_all, try_join4};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt as _};
use mutants::{Mutant, mutants};
use serde_json::{Value, json};
use shelf::{Shelf, Spec};
use trial::{Tally, Verdict, create, judge, judge_all, of_stream};

/// Where the mutants begin.
const SEED: u64 = 2026;
/// Mutants of each definition, and of the other kinds altogether.
const OF_DEFINITION: usize = 45;
const OF_TEMPLATE: usize = 130;
const OF_REQUEST: usize = 80;
const OF_CLASS: usize = 108;
/// Kinds that mutants of classes serve, one class each at a time.
const KINDS: usize = 12;
/// Successful writes about one object, events aside: a stream that goes through a backfill takes
/// eight, a Job that the API server refuses a few attempts.
const MOST_WRITES: usize = 16;
/// Whoever has written nothing for this long has nothing left to write.
const RESTED: Duration = Duration::from_secs(3);
/// Attempts about one object that the API server refuses: they come less and less often.
const MOST_REFUSALS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_is_worked_on_or_refused_with_a_word_and_hurts_nobody_else() {
    let own = Own::cluster().await.unwrap();
    let platform = own.platform().await.unwrap();
    let mut operator = platform.start_operator().await.unwrap();
    let values = json!({"podAnnotations": quick_backfill()});
    let sample = platform.sample(&values).await.unwrap();
    let neighbours = platform.plugin(&values).await.unwrap();
    sample.wait_ready().await;
    neighbours.wait_ready().await;
    let bystander = neighbours.create("bystander", Definition::v2()).await;
    bystander.wait_phase("Running").await;
    let streaming = bystander.job().await.unwrap().uid();

    let tallies = try_join4(
        definitions(&sample),
        templates(&sample),
        requests(&platform, &values),
        classes(&platform),
    );
    let (definitions, templates, requests, classes) = tallies.await.unwrap();
    let mut all = Tally::default();
    for (kind, tally) in [
        ("definitions", definitions),
        ("templates", templates),
        ("requests", requests),
        ("classes", classes),
    ] {
        // Past the capture: how much was tried belongs to the result.
        let _ = writeln!(io::stderr(), "{kind}: {tally}");
        tally.assert_whole();
        all.add(tally);
    }
    let _ = writeln!(io::stderr(), "altogether: {all}");
    assert!(all.tried >= 500, "{all}");
    assert!(
        all.told > 0 && all.reconciled > 0 && all.refused > 0,
        "{all}"
    );

    let record = rest(&platform).await;
    assert_bounded(&record);
    assert_eq!(operator.exited().unwrap(), None);
    assert_no_panic(&operator);
    assert_eq!(bystander.job().await.unwrap().uid(), streaming);
    for plugin in [&sample, &neighbours] {
        live_a_whole_life(plugin).await;
    }
    operator.stop(STOPPED_WITHIN).await.unwrap();
}

async fn definitions(sample: &Plugin<'_>) -> Result<Tally> {
    const ENDS: [&str; 4] = ["Running", "Suspended", "Scheduled", "Failed"];
    let mut tally = Tally::default();
    let shelf = definitions_of(sample)?;
    for (number, object) in subjects::definitions().iter().enumerate() {
        let mutants = mutants(object, SEED + number as u64, OF_DEFINITION);
        let prefix = format!("definition-{number}");
        let accepted = create(&shelf, &prefix, mutants, &mut tally).await?;
        judge(&shelf, &accepted, |it| of_stream(it, &ENDS), &mut tally).await;
    }
    Ok(tally)
}

/// Each is used by a stream of the same name.
async fn templates(sample: &Plugin<'_>) -> Result<Tally> {
    // A template may well say that its Jobs never end, or fail.
    const ENDS: [&str; 3] = ["Backfilling", "Running", "Failed"];
    let mut tally = Tally::default();
    let client = sample.cluster().client()?;
    let (kind, plural) = ("StreamingJobTemplate", "streamingjobtemplates");
    let shelf = Shelf::new(client, Some(sample.namespace()), kind, plural);
    let mutants = mutants(&subjects::template(), SEED, OF_TEMPLATE);
    let accepted = create(&shelf, "template", mutants, &mut tally).await?;
    let definitions = definitions_of(sample)?;
    let created = accepted.iter().map(async |template| {
        let object = subjects::definition_of(&template.name);
        let created = definitions.create(&template.name, &object).await?;
        created.map_err(anyhow::Error::msg)
    });
    try_join_all(created).await?;
    judge(
        &definitions,
        &accepted,
        |it| of_stream(it, &ENDS),
        &mut tally,
    )
    .await;
    Ok(tally)
}

/// Each is for a stream of its own, which its user resumes once the request is there.
async fn requests(platform: &Platform<'_>, values: &Value) -> Result<Tally> {
    let sample = platform.sample(values).await?;
    let mut tally = Tally::default();
    let definitions = definitions_of(&sample)?;
    let client = sample.cluster().client()?;
    let (kind, plural) = ("BackfillRequest", "backfillrequests");
    let shelf = Shelf::new(client, Some(sample.namespace()), kind, plural);
    let name = |number: usize| format!("request-{number}");
    let mutants = (0..OF_REQUEST)
        .map(|number| {
            let object = subjects::request(sample.class(), &name(number));
            let mutant = mutants(&object, SEED, OF_REQUEST).into_iter().nth(number);
            mutant.context("too few mutants")
        })
        .collect::<Result<Vec<Mutant>>>()?;
    let created = (0..OF_REQUEST).map(async |number| {
        let object = subjects::suspended_definition();
        let created = definitions.create(&name(number), &object).await?;
        created.map_err(anyhow::Error::msg)
    });
    try_join_all(created).await?;
    let accepted = create(&shelf, "request", mutants, &mut tally).await?;
    let resume = json!({"spec": {"execution": {"suspended": false}}});
    try_join_all(
        accepted
            .iter()
            .map(|it| definitions.patch(&it.name, &resume)),
    )
    .await?;
    judge(
        &definitions,
        &accepted,
        |status| of_stream(status, &["Running"]),
        &mut Tally::default(),
    )
    .await;
    let streams: BTreeMap<_, _> = definitions
        .list()
        .await?
        .into_iter()
        .map(|it| (it.metadata.name, it.status))
        .collect();
    let class = sample.class();
    judge_all(
        &shelf,
        &accepted,
        |it| {
            // One that says nothing is about nothing.
            let Some(Spec {
                stream_class,
                stream_id,
                completed,
            }) = &it.spec
            else {
                return Some(Verdict::Waiting);
            };
            let stream = streams.get(stream_id).filter(|_| stream_class == class);
            match stream {
                _ if *completed => Some(Verdict::Reconciled),
                None => Some(Verdict::Waiting),
                Some(status) => of_stream(status, &[]),
            }
        },
        &mut tally,
    )
    .await;
    Ok(tally)
}

/// As many at a time as there are kinds for them.
async fn classes(platform: &Platform<'_>) -> Result<Tally> {
    let cluster = platform.cluster();
    let client = cluster.client()?;
    install_kinds(&client).await?;
    let patch =
        json!([{"op": "add", "path": "/metadata/labels/example.com~1shaped", "value": "x"}]);
    let render = Render::Patch(patch.to_string().into_bytes());
    let component = Builder::new("shaping").render(render).build()?;
    let component = Component::create(cluster, &component).await;
    let shelf = Shelf::new(client.clone(), None, "StreamClass", "streamclasses");
    let mut tally = Tally::default();
    for round in 0..OF_CLASS / KINDS {
        let of_round = (0..KINDS).map(|kind| {
            let object = subjects::class(&kind_of(kind), &plural_of(kind), component.name());
            let at = round * KINDS + kind;
            let mutant = mutants(&object, SEED, OF_CLASS).into_iter().nth(at);
            mutant.context("too few mutants")
        });
        let of_round = of_round.collect::<Result<Vec<_>>>()?;
        let accepted = create(&shelf, &format!("class-{round}"), of_round, &mut tally).await?;
        judge(&shelf, &accepted, of_class, &mut tally).await;
        try_join_all(accepted.iter().map(|it| shelf.delete(&it.name))).await?;
    }
    // What was refused or deleted leaves its kind to a class that is as it should be.
    let valid = subjects::class(&kind_of(0), &plural_of(0), component.name());
    let created = shelf.create("class-valid", &valid).await?;
    created.map_err(anyhow::Error::msg)?;
    until("the valid class to be served", async || {
        let class = Api::<StreamClass>::all(client.clone())
            .get("class-valid")
            .await?;
        let status = json!(class.status);
        ensure!(status["phase"] == "Ready", "{status}");
        Ok(())
    })
    .await;
    Ok(tally)
}

fn of_class(status: &shelf::Status) -> Option<Verdict> {
    const KINDS: [&str; 2] = ["Ready", "PluginReady"];
    let told = status.message(&KINDS, "False").filter(|it| !it.is_empty());
    if let Some(message) = told.filter(|_| status.phase.as_deref() != Some("Pending")) {
        return Some(Verdict::Told(message.to_owned()));
    }
    let is_ready = status.message(&["Ready"], "True").is_some();
    (is_ready && status.phase.as_deref() == Some("Ready")).then_some(Verdict::Reconciled)
}

fn definitions_of(plugin: &Plugin<'_>) -> Result<Shelf> {
    let client = plugin.cluster().client()?;
    let kind = plugin.kind();
    let namespace = Some(plugin.namespace());
    Ok(Shelf::new(client, namespace, &kind.kind, &kind.plural))
}

fn kind_of(number: usize) -> String {
    format!("Spare{number}")
}

fn plural_of(number: usize) -> String {
    format!("spares-{number}")
}

/// Kinds for the classes, and the operator's rights to them.
async fn install_kinds(client: &Client) -> Result<()> {
    const GROUP: &str = "streaming.sneaksanddata.com";
    let kinds = Api::<CustomResourceDefinition>::all(client.clone());
    let mut resources = Vec::new();
    for number in 0..KINDS {
        let (kind, plural) = (kind_of(number), plural_of(number));
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let object = serde_json::from_value(json!({
            "metadata": {"name": format!("{plural}.{GROUP}")},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": open, "status": open},
                    }},
                }],
            },
        }))?;
        kinds.create(&PostParams::default(), &object).await?;
        resources.extend([plural.clone(), format!("{plural}/status")]);
    }
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {
            "name": "spares-operator",
            "labels": {"arcane.sneaksanddata.com/aggregate-to-operator": "true"},
        },
        "rules": [{
            "apiGroups": [GROUP],
            "resources": resources,
            "verbs": ["get", "list", "watch", "update", "patch"],
        }],
    }))?;
    let roles = Api::<ClusterRole>::all(client.clone());
    roles.create(&PostParams::default(), &role).await?;
    Ok(())
}

/// Waits until the operator has nothing more to write; all that it has asked for by then.
async fn rest(platform: &Platform<'_>) -> Record {
    let audit = platform.cluster().audit();
    let mut mark = audit.mark().await.unwrap();
    let mut since = Instant::now();
    until("the operator to rest", async || {
        let now = audit.mark().await?;
        let writes = audit.between(mark, now).by_user(OPERATOR_USER).writes();
        let writes = writes.except(&["leases"]);
        mark = now;
        if !writes.is_empty() {
            since = Instant::now();
        }
        ensure!(since.elapsed() > RESTED, "{:?}", writes.counts());
        Ok(())
    })
    .await;
    let all = audit
        .since(arcane_cluster::audit::Mark::BEGINNING)
        .await
        .unwrap();
    all.by_user(OPERATOR_USER).except(&["leases", "events"])
}

/// No object has the operator write over and over, be it with success or in vain.
fn assert_bounded(record: &Record) {
    let refusals = record.failed().filter(|request| request.verb != "get");
    for (record, most) in [(record.writes(), MOST_WRITES), (refusals, MOST_REFUSALS)] {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for request in record.iter() {
            let object = (&request.namespace, &request.resource, &request.name);
            *times.entry(object).or_default() += 1;
        }
        let often: Vec<_> = times.iter().filter(|(_, times)| **times > most).collect();
        assert!(often.is_empty(), "{often:#?}");
    }
}

fn assert_no_panic(operator: &Operator) {
    let log = std::fs::read_to_string(operator.log()).unwrap();
    let panics: Vec<_> = log
        .lines()
        .filter(|line| line.contains("panicked"))
        .collect();
    assert!(panics.is_empty(), "{panics:#?}");
}

/// A stream that is as it should be, from its creation to its deletion.
async fn live_a_whole_life(plugin: &Plugin<'_>) {
    plugin.wait_ready().await;
    let stream = plugin.create("neighbour", Definition::v2()).await;
    stream.wait_phase("Running").await;
    stream.suspend().await;
    stream.wait_phase("Suspended").await;
    stream.resume().await;
    stream.wait_phase("Running").await;
    let request = stream.request_backfill(Some(json!({"from": 1}))).await;
    until("the backfill to complete", async || {
        let request = plugin.api::<BackfillRequest>().get(&request).await?;
        ensure!(request.spec.completed, "{:?}", request.status);
        Ok(())
    })
    .await;
    stream.wait_phase("Running").await;
    stream.delete().await;
    until("the stream's Job to go", async || {
        ensure!(stream.job().await.is_none(), "it is there");
        Ok(())
    })
    .await;
}
