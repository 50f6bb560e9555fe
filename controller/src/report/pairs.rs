//! Every ordered pair of hosts, for plans with three of them or more.

use serde::Serialize;

use super::view::{Section, View};
use crate::results::schema::CellResult;
use crate::store::manifest::{Manifest, PingRecord, WorkloadRecord};

/// Two hosts are two topologies, and need no table.
const FEWEST_HOSTS: usize = 3;

/// What a call takes between every pair of hosts. Rows drive, columns serve, in the same order.
#[derive(Serialize)]
pub(super) struct Pairs<'a> {
    pub(super) workload: &'a WorkloadRecord,
    pub(super) hosts: Vec<&'a str>,
    /// One for each server that has a cell of the workload.
    pub(super) servers: Vec<OfServer<'a>>,
    /// The network alone.
    pings: Vec<Row<'a, PingRecord>>,
}

/// One server over every pair.
#[derive(Serialize)]
pub(super) struct OfServer<'a> {
    pub(super) server: &'a str,
    /// Any of its cells, for what they have in common.
    example: &'a CellResult,
    pub(super) rows: Vec<Row<'a, CellResult>>,
}

/// All pairs that one host drives.
#[derive(Serialize)]
pub(super) struct Row<'a, T> {
    host: &'a str,
    /// `None` where the pair was not measured.
    pub(super) cells: Vec<Option<&'a T>>,
}

/// The hosts of all topologies by name, where they are enough for a table of pairs.
pub(super) fn hosts_of_pairs(manifest: &Manifest) -> Option<Vec<&str>> {
    let both = manifest.topologies.iter().flat_map(|topology| [topology.client.as_str(), topology.server.as_str()]);
    let mut hosts: Vec<_> = both.collect();
    hosts.sort_unstable();
    hosts.dedup();
    (hosts.len() >= FEWEST_HOSTS).then_some(hosts)
}

impl<'a> Pairs<'a> {
    pub(super) fn new(view: &View<'a>, section: Section<'a>, hosts: Vec<&'a str>) -> Self {
        let servers = view.manifest.servers.iter().filter_map(|server| {
            let of = |topology: &str| section.cell(topology, &server.name);
            let rows = rows(view.manifest, &hosts, of);
            let example = rows.iter().flat_map(|row| &row.cells).find_map(|cell| *cell)?;
            Some(OfServer { server: &server.name, example, rows })
        });
        let servers = servers.collect();
        let ping = |topology: &str| view.manifest.pings.iter().find(|ping| ping.topology == topology);
        let pings = rows(view.manifest, &hosts, ping);
        Self { workload: section.workload, servers, pings, hosts }
    }
}

/// What `of` has for the topology of each pair; of several of one pair, for the first.
fn rows<'a, T>(manifest: &'a Manifest, hosts: &[&'a str], of: impl Fn(&str) -> Option<&'a T>) -> Vec<Row<'a, T>> {
    let pair = |client: &str, server: &str| {
        let mut topologies = manifest.topologies.iter().filter(|it| it.client == client && it.server == server);
        topologies.find_map(|topology| of(&topology.name))
    };
    hosts.iter().map(|host| Row { host, cells: hosts.iter().map(|server| pair(host, server)).collect() }).collect()
}
