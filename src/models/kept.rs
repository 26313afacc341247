//! What is kept and told of a build once it is done.

use super::{Built, Model, ModelError, Models};
use crate::{
    lineage::{self, Dataset},
    store::{BuildOutcome, KeptBuild, KeptModel},
};

impl Models {
    /// Keeps what has come of a build.
    pub(super) async fn built(
        &self,
        model: &Model,
        built: Built,
        kept: &mut KeptBuild,
    ) -> Result<(), ModelError> {
        let Built { inputs, written, tests, is_whole } = built;
        let name = model.name.as_str();
        let changed = written.inserted + written.updated + written.removed;
        kept.outcome = if changed > 0 { BuildOutcome::Built } else { BuildOutcome::Unchanged };
        kept.is_whole = is_whole;
        kept.inserted = written.inserted.cast_signed();
        kept.updated = written.updated.cast_signed();
        kept.unchanged = written.unchanged.cast_signed();
        kept.removed = written.removed.cast_signed();
        kept.version = written.version.cast_signed();
        kept.inputs.clone_from(&inputs);
        kept.tests = serde_json::to_string(&tests).unwrap_or_default();
        let state = KeptModel {
            model: name.to_owned(),
            fingerprint: model.fingerprint.clone(),
            inputs,
            built_at: kept.ended_at,
        };
        for outcome in &tests {
            let labels = [name, &*outcome.test];
            let failures = outcome.failures.cast_signed();
            self.metrics.model_test_failures.with_label_values(&labels).set(failures);
        }
        self.metrics.model_rows.with_label_values(&[name]).inc_by(changed);
        self.metrics.model_fresh.with_label_values(&[name]).set(kept.started_at.timestamp());
        self.waiting().remove(name);
        self.store.keep_build(kept, Some(&state)).await?;
        if changed > 0 {
            tracing::info!(
                model = name,
                inserted = written.inserted,
                updated = written.updated,
                removed = written.removed,
                version = written.version,
                is_whole,
                "built a model"
            );
        }
        Ok(())
    }

    /// Tells of a build that has changed something, or that has failed.
    pub(super) fn tell(&self, model: &Model, kept: &KeptBuild) {
        if kept.outcome == BuildOutcome::Unchanged {
            return;
        }
        let at = |(name, version): (&String, &u64)| {
            Some(Dataset { place: self.lake.named(name)?.place(), version: *version })
        };
        let built = (model.name.to_string(), kept.version.cast_unsigned());
        self.lineage.tell(&lineage::Build {
            run: kept.run.clone(),
            table: model.name.to_string(),
            about: model.about.clone(),
            query: model.query.clone(),
            inputs: kept.inputs.iter().filter_map(at).collect(),
            output: kept.error.is_none().then(|| at((&built.0, &built.1))).flatten(),
            rows: kept.inserted + kept.updated + kept.removed,
            started_at: kept.started_at,
            ended_at: kept.ended_at,
            error: kept.error.clone(),
        });
    }
}
