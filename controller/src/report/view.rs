//! The results in the order of a report: by topology, then by what is asked of them.

use serde::Serialize;

use crate::results::schema::{CellResult, ComparisonResult, Results};
use crate::store::manifest::{Manifest, WorkloadRecord};

/// A run and its results.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) results: &'a Results,
}

/// The cells of a workload.
#[derive(Clone, Serialize)]
pub(super) struct Section<'a> {
    pub(super) workload: &'a WorkloadRecord,
    pub(super) cells: Vec<&'a CellResult>,
}

impl<'a> View<'a> {
    pub(super) fn topologies(&self) -> Vec<String> {
        self.manifest.topologies.iter().map(|topology| topology.name.clone()).collect()
    }

    /// The workload that shows how long a connection takes.
    pub(super) fn connect(&self) -> Option<Section<'a>> {
        self.connects().into_iter().next()
    }

    /// The workload that shows how long a call takes: that with the fewest clients, the least waiting for each other.
    pub(super) fn latency(&self) -> Option<Section<'a>> {
        self.latencies().into_iter().next()
    }

    pub(super) fn connects(&self) -> Vec<Section<'a>> {
        self.sections(|workload| workload.kind == "connect")
    }

    pub(super) fn latencies(&self) -> Vec<Section<'a>> {
        let closed = self.manifest.workloads.iter().filter(|workload| is_closed(workload));
        let fewest = closed.map(|workload| workload.clients).min();
        self.sections(|workload| is_closed(workload) && Some(workload.clients) == fewest)
    }

    pub(super) fn closed(&self) -> Vec<Section<'a>> {
        self.sections(is_closed)
    }

    pub(super) fn concurrencies(&self) -> Vec<Section<'a>> {
        self.sections(|workload| is_closed(workload) && workload.clients > 1)
    }

    fn sections(&self, wanted: impl Fn(&WorkloadRecord) -> bool) -> Vec<Section<'a>> {
        let wanted = self.manifest.workloads.iter().filter(|workload| wanted(workload));
        wanted.map(|workload| self.section(workload)).collect()
    }

    pub(super) fn section(&self, workload: &'a WorkloadRecord) -> Section<'a> {
        let cells = self.results.cells.iter().filter(|cell| cell.workload == workload.name).collect();
        Section { workload, cells }
    }

    pub(super) fn cell(&self, topology: &str, server: &str, workload: &str) -> Option<&'a CellResult> {
        let mut cells = self.results.cells.iter();
        cells.find(|it| it.topology == topology && it.server == server && it.workload == workload)
    }

    /// A server against another, whichever way round it was compared. `metric` is one of durations.
    pub(super) fn servers(
        &self,
        topology: &str,
        workload: &str,
        of: &str,
        against: &str,
        metric: &str,
    ) -> Option<Difference> {
        let find = |of: &str, against: &str| {
            self.results.comparisons.iter().find(|it| {
                it.kind == "server"
                    && it.topology.as_deref() == Some(topology)
                    && (it.workload.as_str(), it.of.as_str(), it.against.as_str(), it.metric.as_str())
                        == (workload, of, against, metric)
            })
        };
        find(of, against).map(Difference::from).or_else(|| find(against, of).map(|it| Difference::from(it).turned()))
    }

    /// The blocks of a cell in which its server stamped against those in which it did not: means.
    pub(super) fn stamping(&self, cell: &CellResult) -> Option<Difference> {
        let mut comparisons = self.results.comparisons.iter();
        let found = comparisons.find(|it| {
            it.kind == "stamping"
                && it.topology.as_ref() == Some(&cell.topology)
                && it.server.as_ref() == Some(&cell.server)
                && (&it.workload, it.metric.as_str()) == (&cell.workload, "mean")
        });
        found.map(Difference::from)
    }

    /// A topology against its baseline.
    pub(super) fn topology(
        &self,
        of: &str,
        against: &str,
        server: &str,
        workload: &str,
        metric: &str,
    ) -> Option<Difference> {
        let mut comparisons = self.results.comparisons.iter();
        let found = comparisons.find(|it| {
            it.kind == "topology"
                && it.server.as_deref() == Some(server)
                && (it.workload.as_str(), it.of.as_str(), it.against.as_str(), it.metric.as_str())
                    == (workload, of, against, metric)
        });
        found.map(Difference::from)
    }
}

impl<'a> Section<'a> {
    pub(super) fn of_topology(&self, topology: &str) -> Self {
        let cells = self.cells.iter().copied().filter(|cell| cell.topology == topology).collect();
        Self { workload: self.workload, cells }
    }

    pub(super) fn cell(&self, topology: &str, server: &str) -> Option<&'a CellResult> {
        self.cells.iter().copied().find(|cell| cell.topology == topology && cell.server == server)
    }

    /// How many clients, and what they are.
    pub(super) fn clients(&self) -> String {
        clients(self.workload)
    }
}

/// How many clients, and what they are.
pub(super) fn clients(workload: &WorkloadRecord) -> String {
    let WorkloadRecord { clients, client_model, driver, .. } = workload;
    let model = match (client_model.as_str(), clients) {
        ("threads", 1) => "1 client, a thread of one process".to_owned(),
        ("threads", _) => format!("{clients} clients, threads of one process"),
        ("processes", 1) => "1 client, a process".to_owned(),
        ("processes", _) => format!("{clients} clients, a process each"),
        (_, 1) => format!("1 client, {client_model}"),
        _ => format!("{clients} clients, {client_model}"),
    };
    format!("{model}, {driver} driver")
}

fn is_closed(workload: &WorkloadRecord) -> bool {
    workload.kind == "closed"
}

/// A comparison, turned the way a sentence wants it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) difference: f64,
    pub(super) difference_ci95: Option<[f64; 2]>,
    pub(super) ratio: Option<f64>,
    pub(super) ratio_ci95: Option<[f64; 2]>,
    pub(super) distinguishable: bool,
}

impl From<&ComparisonResult> for Difference {
    fn from(it: &ComparisonResult) -> Self {
        Self {
            difference: it.difference,
            difference_ci95: it.difference_ci95,
            ratio: it.ratio,
            ratio_ci95: it.ratio_ci95,
            distinguishable: it.distinguishable,
        }
    }
}

impl Difference {
    fn turned(self) -> Self {
        Self {
            difference: -self.difference,
            difference_ci95: self.difference_ci95.map(|[low, high]| [-high, -low]),
            ratio: self.ratio.map(f64::recip),
            ratio_ci95: self.ratio_ci95.map(|[low, high]| [high.recip(), low.recip()]),
            distinguishable: self.distinguishable,
        }
    }
}
