//! How metrics come into the registry, and the list of what there is.

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

/// From half a millisecond to a minute.
const SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0];

/// A metric by its full name, and the names of its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    pub labels: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Registrar {
    pub(super) registry: Registry,
    pub(super) families: Vec<Family>,
}

impl Registrar {
    pub(super) fn counter(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.shared(IntCounterVec::new(Opts::new(ours(name), help), labels)?)
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.shared(IntGaugeVec::new(Opts::new(ours(name), help), labels)?)
    }

    pub(super) fn real_gauge(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        self.shared(GaugeVec::new(Opts::new(ours(name), help), labels)?)
    }

    pub(super) fn plain_gauge(
        &mut self,
        name: &str,
        help: &str,
    ) -> Result<IntGauge, prometheus::Error> {
        self.shared(IntGauge::new(ours(name), help)?)
    }

    /// A gauge that is always 1 and tells by its labels.
    pub(super) fn info(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<(), prometheus::Error> {
        let mut options = Opts::new(ours(name), help);
        for (label, value) in labels {
            options = options.const_label(*label, *value);
        }
        self.shared(IntGauge::with_opts(options)?)?.set(1);
        Ok(())
    }

    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.histogram_of(name, help, labels, &SECONDS)
    }

    pub(super) fn histogram_of(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(ours(name), help).buckets(buckets.to_vec());
        self.shared(HistogramVec::new(options, labels)?)
    }

    /// Registers what the program keeps a handle of.
    fn shared<C: Collector + Clone + 'static>(
        &mut self,
        collector: C,
    ) -> Result<C, prometheus::Error> {
        self.register(collector.clone())?;
        Ok(collector)
    }

    pub(super) fn register(
        &mut self,
        collector: impl Collector + 'static,
    ) -> Result<(), prometheus::Error> {
        for metric in collector.desc() {
            let fixed = metric.const_label_pairs.iter().map(|pair| pair.name().to_owned());
            let labels = metric.variable_labels.iter().cloned().chain(fixed).collect();
            self.families.push(Family { name: metric.fq_name.clone(), labels });
        }
        self.registry.register(Box::new(collector))
    }
}

fn ours(name: &str) -> String {
    format!("barkeep_{name}")
}
