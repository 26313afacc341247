//! Builds as `OpenLineage` 2-0-2 has them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Build, Dataset};

const PRODUCER: &str = concat!("barkeep/", env!("CARGO_PKG_VERSION"));
const RUN_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// `START`, and `COMPLETE` or `FAIL`.
pub(super) fn events(namespace: &str, build: &Build) -> [Value; 2] {
    let end = if build.error.is_some() { "FAIL" } else { "COMPLETE" };
    [
        event(namespace, build, "START", build.started_at),
        event(namespace, build, end, build.ended_at),
    ]
}

fn event(namespace: &str, build: &Build, kind: &str, at: DateTime<Utc>) -> Value {
    let mut run = json!({ "runId": build.run, "facets": {} });
    if let (Some(error), "FAIL") = (&build.error, kind) {
        run["facets"]["errorMessage"] = facet(
            "1-0-0/ErrorMessageRunFacet",
            json!({ "message": error, "programmingLanguage": "SQL" }),
        );
    }
    let mut outputs: Vec<Value> = build.output.iter().map(dataset).collect();
    if kind == "COMPLETE" {
        for output in &mut outputs {
            output["outputFacets"] = json!({
                "outputStatistics": facet(
                    "1-0-2/OutputStatisticsOutputDatasetFacet",
                    json!({ "rowCount": build.rows }),
                ),
            });
        }
    }
    json!({
        "eventType": kind,
        "eventTime": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
        "run": run,
        "job": {
            "namespace": namespace,
            "name": build.table,
            "facets": {
                "sql": facet("1-0-1/SQLJobFacet", json!({ "query": build.query })),
                "documentation": facet(
                    "1-0-1/DocumentationJobFacet",
                    json!({ "description": build.about }),
                ),
            },
        },
        "inputs": build.inputs.iter().map(dataset).collect::<Vec<_>>(),
        "outputs": outputs,
    })
}

/// A bucket is a namespace of its own, all files of a machine are one.
fn dataset(dataset: &Dataset) -> Value {
    let place = dataset.place.trim_end_matches('/');
    let (namespace, name) = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{host}"), path)
        }
        None => ("file".to_owned(), place),
    };
    let version = json!({ "datasetVersion": dataset.version.to_string() });
    json!({
        "namespace": namespace,
        "name": name,
        "facets": { "version": facet("1-0-1/DatasetVersionDatasetFacet", version) },
    })
}

/// What is said beside the bare event, with where its form is written down.
fn facet(schema: &str, mut said: Value) -> Value {
    let (version, name) = schema.split_once('/').unwrap_or_default();
    said["_producer"] = PRODUCER.into();
    said["_schemaURL"] =
        format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}").into();
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_namespace_and_a_name() {
        let of = |place: &str| {
            let said = dataset(&Dataset { place: place.to_owned(), version: 3 });
            (said["namespace"].clone(), said["name"].clone())
        };
        assert_eq!(of("data/lake/gold/days"), (json!("file"), json!("data/lake/gold/days")));
        assert_eq!(
            of("s3://bucket/lake/gold/days/"),
            (json!("s3://bucket"), json!("lake/gold/days"))
        );
        assert_eq!(of("memory:///gold/days"), (json!("memory://"), json!("gold/days")));
    }
}
