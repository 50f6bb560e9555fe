//! Which cells are set against which.

use rpycbench_measure::statistics::{self, Cell, Metric};

use super::schema::ComparisonResult;
use crate::store::manifest::{Manifest, WorkloadRecord};

/// Comparisons, those between topologies before those between servers, and those with twins last.
#[derive(Default)]
pub(super) struct Comparisons {
    topologies: Vec<ComparisonResult>,
    servers: Vec<ComparisonResult>,
    twins: Vec<ComparisonResult>,
}

impl Comparisons {
    /// Every topology against its baseline, and every pair of servers within a topology. A twin is set against its server alone.
    pub(super) fn add<'a>(
        &mut self,
        manifest: &Manifest,
        workload: &WorkloadRecord,
        cell: impl Fn(&str, &str) -> Option<&'a Cell>,
    ) {
        let servers: Vec<_> = manifest.servers.iter().filter(|server| server.twin_of.is_none()).collect();
        for topology in &manifest.topologies {
            let name = &topology.name;
            let baseline = topology.baseline.as_ref();
            for (server, baseline) in servers.iter().filter_map(|server| Some((&server.name, baseline?))) {
                let pair = Pair { kind: "topology", of: name, against: baseline, common: server, workload };
                self.topologies.extend(pair.compare(cell(name, server), cell(baseline, server)));
            }
            for (number, of) in servers.iter().enumerate() {
                for against in &servers[..number] {
                    let (of, against) = (&of.name, &against.name);
                    let pair = Pair { kind: "server", of, against, common: name, workload };
                    self.servers.extend(pair.compare(cell(name, of), cell(name, against)));
                }
            }
            for (twin, of) in manifest.servers.iter().filter_map(|twin| Some((&twin.name, twin.twin_of.as_ref()?))) {
                let pair = Pair { kind: "aa", of: twin, against: of, common: name, workload };
                self.twins.extend(pair.compare(cell(name, twin), cell(name, of)));
            }
        }
    }

    pub(super) fn into_vec(self) -> Vec<ComparisonResult> {
        [self.topologies, self.servers, self.twins].concat()
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
            let smallest = statistics::smallest_difference(of, against, metric).filter(|_| self.kind == "aa");
            Some(ComparisonResult {
                kind: self.kind.to_owned(),
                of: self.of.to_owned(),
                against: self.against.to_owned(),
                server: (self.kind == "topology").then(|| self.common.to_owned()),
                topology: (self.kind != "topology").then(|| self.common.to_owned()),
                workload: self.workload.name.clone(),
                metric: metric.name().to_owned(),
                difference: comparison.difference,
                difference_ci95: comparison.difference_ci95.map(Into::into),
                ratio: comparison.ratio,
                ratio_ci95: comparison.ratio_ci95.map(Into::into),
                distinguishable: comparison.distinguishable,
                smallest_difference: smallest.map(|it| it.absolute),
                smallest_share: smallest.and_then(|it| it.relative),
            })
        });
        compared.collect()
    }
}
