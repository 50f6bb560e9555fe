//! Which cells are set against which.

use rpycbench_measure::statistics::{self, Cell, Metric};

use super::schema::ComparisonResult;
use crate::store::manifest::{Manifest, WorkloadRecord};

/// Comparisons, those between topologies before those between servers.
#[derive(Default)]
pub(super) struct Comparisons {
    topologies: Vec<ComparisonResult>,
    servers: Vec<ComparisonResult>,
}

impl Comparisons {
    /// Every topology against its baseline, and every pair of servers within a topology.
    pub(super) fn add<'a>(
        &mut self,
        manifest: &Manifest,
        workload: &WorkloadRecord,
        cell: impl Fn(&str, &str) -> Option<&'a Cell>,
    ) {
        for topology in &manifest.topologies {
            let name = &topology.name;
            let baseline = topology.baseline.as_ref();
            for (server, baseline) in manifest.servers.iter().filter_map(|server| Some((&server.name, baseline?))) {
                let pair = Pair { kind: "topology", of: name, against: baseline, common: server, workload };
                self.topologies.extend(pair.compare(cell(name, server), cell(baseline, server)));
            }
            for (number, of) in manifest.servers.iter().enumerate() {
                for against in &manifest.servers[..number] {
                    let (of, against) = (&of.name, &against.name);
                    let pair = Pair { kind: "server", of, against, common: name, workload };
                    self.servers.extend(pair.compare(cell(name, of), cell(name, against)));
                }
            }
        }
    }

    pub(super) fn into_vec(self) -> Vec<ComparisonResult> {
        [self.topologies, self.servers].concat()
    }
}

struct Pair<'a> {
    kind: &'a str,
    of: &'a str,
    against: &'a str,
    /// The server or topology that both have in common.
    common: &'a str,
    workload: &'a WorkloadRecord,
}

impl Pair<'_> {
    /// One result for each metric that both cells have.
    fn compare(&self, of: Option<&Cell>, against: Option<&Cell>) -> Vec<ComparisonResult> {
        let (Some(of), Some(against)) = (of, against) else { return Vec::new() };
        let compared = Metric::ALL.into_iter().filter_map(|metric| {
            let comparison = statistics::compare(of, against, metric)?;
            Some(ComparisonResult {
                kind: self.kind.to_owned(),
                of: self.of.to_owned(),
                against: self.against.to_owned(),
                server: (self.kind == "topology").then(|| self.common.to_owned()),
                topology: (self.kind == "server").then(|| self.common.to_owned()),
                workload: self.workload.name.clone(),
                metric: metric.name().to_owned(),
                difference: comparison.difference,
                difference_ci95: comparison.difference_ci95.map(Into::into),
                ratio: comparison.ratio,
                ratio_ci95: comparison.ratio_ci95.map(Into::into),
                distinguishable: comparison.distinguishable,
            })
        });
        compared.collect()
    }
}
