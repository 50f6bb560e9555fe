//! From a plan as it is written to a plan that cannot be wrong.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::ops::Range;
use std::path::Path;

use rpycbench_measure::statistics::PrecisionError;
use rpycbench_measure::{Call, ClientModel, Confinement, FlaskMode, Placement, RpycMode, Server, ServerKind, Workload};
use toml::Spanned;

use super::file::{
    CallFile, ClientModelFile, ConfinementFile, Count, HostFile, ModeFile, PlacementFile, PlanFile, ReferenceFile,
    ServerFile, ServerKindFile, StampsFile, SwitchFile, TopologyFile, WorkloadFile, WorkloadKindFile,
};
use super::{AgentAddress, Host, NamedServer, NamedWorkload, Plan, PlanError, Stamping, Topology, Until};

/// More blocks than anyone waits for.
pub(crate) const MAX_BLOCKS: u64 = 1_000;
/// Threads or processes that one driver can still start.
const MAX_CLIENTS: u64 = 1_000;
/// Samples of one cell; a driver keeps 56 bytes of each in memory.
const MAX_SAMPLES: u64 = 10_000_000;
/// Warm-up calls of one client.
const MAX_WARMUP: u64 = 1_000_000;
const DEFAULT_BLOCKS: u32 = 5;
/// Where a plan asks for a precision and does not say how long to try.
const DEFAULT_MAX_BLOCKS: u32 = 30;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_CLOSED_WARMUP: u32 = 10;
/// The first connections of a process load code that later ones find in memory.
const DEFAULT_CONNECT_WARMUP: u32 = 5;
/// Goes into file names and into an agent's certificate.
const MAX_NAME: usize = 40;
/// What the name of a server's twin ends with.
const TWIN: &str = "-again";

/// What is wrong and where, before the file's name and lines are known.
struct Wrong {
    span: Range<usize>,
    message: String,
}

impl Wrong {
    fn at<T>(value: &Spanned<T>, message: impl Into<String>) -> Self {
        Self { span: value.span(), message: message.into() }
    }
}

/// Parses the text of a plan.
pub(super) fn parse(path: &Path, text: &str) -> Result<Plan, PlanError> {
    let wrong = |Wrong { span, message }| PlanError {
        file: path.to_owned(),
        place: Some(line_and_column(text, span.start)),
        message,
    };
    let file: PlanFile = toml::from_str(text).map_err(|error| {
        let message = error.message().trim_end().replace('\n', "; ");
        wrong(Wrong { span: error.span().unwrap_or(0..0), message })
    })?;
    plan(file).map_err(wrong)
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn plan(file: PlanFile) -> Result<Plan, Wrong> {
    let PlanFile { study, hosts, topologies, servers, workloads } = file;
    let hosts = hosts.into_iter().map(|(name, host)| parse_host(&name, &host)).collect::<Result<Vec<_>, _>>()?;
    if hosts.iter().filter(|host| host.agent == AgentAddress::Local).count() > 1 {
        let message = "more than one host is local: the controller's own host is one host".to_owned();
        return Err(Wrong { span: 0..0, message });
    }
    distinct("topology", &topologies, |topology| &topology.name)?;
    distinct("server", &servers, |server| &server.name)?;
    distinct("workload", &workloads, |workload| &workload.name)?;
    let blocks = study.blocks.map_or(Ok(DEFAULT_BLOCKS), |blocks| within("blocks", &blocks, 1, MAX_BLOCKS))?;
    let mut servers = servers.into_inner().into_iter().map(parse_server).collect::<Result<Vec<_>, _>>()?;
    if let Some(aa) = study.aa.filter(|aa| *aa.get_ref()) {
        let twin = twin(&servers).map_err(|message| Wrong::at(&aa, message))?;
        servers.extend(twin);
    }
    let names: Vec<String> = topologies.get_ref().iter().map(|topology| topology.name.get_ref().clone()).collect();
    Ok(Plan {
        name: name(&study.name)?,
        description: study.description,
        seed: study.seed.map_or(DEFAULT_SEED, |Count(seed)| seed),
        blocks,
        until: until(study.precision, study.max_blocks, blocks)?,
        placement: match study.placement {
            None | Some(PlacementFile::Separate) => Placement::Separate,
            Some(PlacementFile::Same) => Placement::Same,
            Some(PlacementFile::Free) => Placement::Free,
        },
        confinement: match study.confinement {
            None | Some(ConfinementFile::Any) => Confinement::None,
            Some(ConfinementFile::Rlimits) => Confinement::Rlimits,
            Some(ConfinementFile::Partial) => Confinement::Partial,
            Some(ConfinementFile::Full) => Confinement::Full,
        },
        asks_for_clocks: study.clocks != Some(SwitchFile::Off),
        // It takes its time in every call.
        stamps: match study.stamps {
            None | Some(StampsFile::Off) => Stamping::Off,
            Some(StampsFile::Alternate) => Stamping::Alternate,
            Some(StampsFile::On) => Stamping::On,
        },
        parallel: study.parallel,
        beside_published: match study.reference {
            None => false,
            Some(ReferenceFile::PublishedStudy) => true,
        },
        topologies: topologies
            .into_inner()
            .into_iter()
            .map(|topology| parse_topology(&topology, &hosts, &names))
            .collect::<Result<_, _>>()?,
        servers,
        workloads: workloads.into_inner().into_iter().map(parse_workload).collect::<Result<_, _>>()?,
        hosts,
    })
}

/// When to stop running more blocks than `blocks`.
fn until(
    precision: Option<Spanned<String>>,
    max_blocks: Option<Spanned<Count>>,
    blocks: u32,
) -> Result<Option<Until>, Wrong> {
    let Some(precision) = precision else {
        let alone = |count: &Spanned<Count>| {
            Wrong::at(
                count,
                "max_blocks needs precision: say what more blocks are to reach, such as precision = \"p99 ± 5%\"",
            )
        };
        return max_blocks.as_ref().map_or(Ok(None), |count| Err(alone(count)));
    };
    let wanted =
        precision.get_ref().parse().map_err(|error: PrecisionError| Wrong::at(&precision, error.to_string()))?;
    let max_blocks = max_blocks
        .map_or(Ok(blocks.max(DEFAULT_MAX_BLOCKS)), |count| within("max_blocks", &count, blocks.into(), MAX_BLOCKS));
    Ok(Some(Until { precision: wanted, max_blocks: max_blocks? }))
}

/// The first server once more, under another name: one of them is what a plan can afford, and says how far two servers can seem to
/// differ that do not.
fn twin(servers: &[NamedServer]) -> Result<Option<NamedServer>, String> {
    let Some(first) = servers.first() else { return Ok(None) };
    let name = format!("{}{TWIN}", first.name);
    if name.len() > MAX_NAME {
        let most = MAX_NAME - TWIN.len();
        return Err(format!(
            "aa names the twin of the first server {name:?}, too long: give that server a name of up to {most}"
        ));
    }
    if servers.iter().any(|server| server.name == name) {
        return Err(format!("aa names the twin of the first server {name:?}, as another is named: rename that one"));
    }
    Ok(Some(NamedServer { name, server: first.server, twin_of: Some(0) }))
}

/// Refuses an empty list and a name that stands twice in it.
fn distinct<T>(what: &str, list: &Spanned<Vec<T>>, name: impl Fn(&T) -> &Spanned<String>) -> Result<(), Wrong> {
    if list.get_ref().is_empty() {
        return Err(Wrong::at(list, format!("the plan has no {what}: at least one is needed")));
    }
    let mut seen = std::collections::BTreeSet::new();
    for item in list.get_ref() {
        let name = name(item);
        if !seen.insert(name.get_ref()) {
            return Err(Wrong::at(
                name,
                format!("the {what} name {:?} is used twice: names must differ", name.get_ref()),
            ));
        }
    }
    Ok(())
}

fn name(name: &Spanned<String>) -> Result<String, Wrong> {
    let text = name.get_ref();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > MAX_NAME || edges || !text.bytes().all(allowed) {
        let rule = format!("a name has 1 to {MAX_NAME} of a-z, 0-9 and inner \"-\", found {text:?}");
        return Err(Wrong::at(name, rule));
    }
    Ok(text.clone())
}

/// A count between two limits, both allowed.
fn within(key: &str, count: &Spanned<Count>, least: u64, most: u64) -> Result<u32, Wrong> {
    let Count(value) = *count.get_ref();
    u32::try_from(value)
        .ok()
        .filter(|_| (least..=most).contains(&value))
        .ok_or_else(|| Wrong::at(count, format!("{key} is {value}: allowed is {least} to {most}")))
}

fn parse_host(key: &Spanned<String>, host: &Spanned<HostFile>) -> Result<Host, Wrong> {
    let name = name(key)?;
    let HostFile { local, agent, serve_on } = host.get_ref();
    let address = |text: &Spanned<String>| -> Result<IpAddr, Wrong> {
        let parsed = text.get_ref().parse();
        parsed.map_err(|_| Wrong::at(text, format!("serve_on must be a numeric address, found {:?}", text.get_ref())))
    };
    let serve_on = serve_on.as_ref().map(address).transpose()?;
    match (local, agent) {
        (true, None) => Ok(Host {
            name,
            agent: AgentAddress::Local,
            serve_on: serve_on.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
        }),
        (false, Some(agent)) => {
            let Some((host, _)) =
                agent.get_ref().rsplit_once(':').filter(|(_, port)| port.parse::<NonZeroU16>().is_ok())
            else {
                return Err(Wrong::at(agent, format!("agent must be \"address:port\", found {:?}", agent.get_ref())));
            };
            let own = host.trim_matches(['[', ']']).parse().ok();
            let Some(serve_on) = serve_on.or(own) else {
                return Err(Wrong::at(
                    agent,
                    format!("the agent {host:?} is a name: say in serve_on which numeric address its servers bind"),
                ));
            };
            Ok(Host { name, agent: AgentAddress::Remote(agent.get_ref().clone()), serve_on })
        }
        (true, Some(agent)) => {
            Err(Wrong::at(agent, format!("host {name:?} is local and has an agent: keep one of the two")))
        }
        (false, None) => {
            Err(Wrong::at(host, format!("host {name:?} needs either local = true or agent = \"address:port\"")))
        }
    }
}

fn parse_topology(topology: &TopologyFile, hosts: &[Host], topologies: &[String]) -> Result<Topology, Wrong> {
    let host = |wanted: &Spanned<String>| {
        hosts.iter().position(|host| host.name == *wanted.get_ref()).ok_or_else(|| {
            let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            Wrong::at(wanted, format!("no host is named {:?}: the plan has {}", wanted.get_ref(), known.join(", ")))
        })
    };
    let name = name(&topology.name)?;
    let baseline = topology.baseline.as_ref().map(|wanted| {
        let place = topologies.iter().position(|known| known == wanted.get_ref());
        place.filter(|&place| topologies[place] != name).ok_or_else(|| {
            let message = format!(
                "the baseline {:?} is not another topology of the plan, which has {}",
                wanted.get_ref(),
                topologies.join(", ")
            );
            Wrong::at(wanted, message)
        })
    });
    let (client, server) = (host(&topology.client)?, host(&topology.server)?);
    if client != server && hosts[server].serve_on.is_loopback() && !hosts[client].is_on_loopback() {
        let message = format!(
            "host {:?} serves on {}, which {:?} cannot reach: give it a serve_on with an address of its network",
            hosts[server].name, hosts[server].serve_on, hosts[client].name
        );
        return Err(Wrong::at(&topology.server, message));
    }
    Ok(Topology { name, client, server, baseline: baseline.transpose()? })
}

fn parse_server(server: ServerFile) -> Result<NamedServer, Wrong> {
    let kind = match (server.kind, *server.mode.get_ref()) {
        (ServerKindFile::Rpyc, ModeFile::Threaded) => ServerKind::Rpyc(RpycMode::Threaded),
        (ServerKindFile::Rpyc, ModeFile::Forking) => ServerKind::Rpyc(RpycMode::Forking),
        (ServerKindFile::Flask, ModeFile::Threaded) => ServerKind::Flask(FlaskMode::Threaded),
        (ServerKindFile::Flask, ModeFile::Forking) => {
            return Err(Wrong::at(&server.mode, "kind \"flask\" has no mode \"forking\": allowed is \"threaded\""));
        }
    };
    let port = server.port.map(|port| within("port", &port, 1, u64::from(u16::MAX))).transpose()?;
    let port = port.and_then(|port| NonZeroU16::new(port as u16));
    Ok(NamedServer { name: name(&server.name)?, server: Server { kind, port }, twin_of: None })
}

fn parse_workload(file: WorkloadFile) -> Result<NamedWorkload, Wrong> {
    let name = name(&file.name)?;
    let warmup = |default| file.warmup.as_ref().map_or(Ok(default), |warmup| within("warmup", warmup, 0, MAX_WARMUP));
    let workload = match file.kind {
        WorkloadKindFile::Connect => {
            foreign(
                "connect",
                "count, warmup, driver",
                &[
                    ("clients", span(&file.clients)),
                    ("requests", span(&file.requests)),
                    ("client_model", span(&file.client_model)),
                    ("call", span(&file.call)),
                ],
            )?;
            let count = file.count.as_ref().ok_or_else(|| missing(&file.name, "connect", "count"))?;
            Workload::Connect {
                count: within("count", count, 1, MAX_SAMPLES)?,
                warmup: warmup(DEFAULT_CONNECT_WARMUP)?,
            }
        }
        WorkloadKindFile::Closed => {
            let allowed = "clients, requests, warmup, client_model, call, driver";
            foreign("closed", allowed, &[("count", span(&file.count))])?;
            let requests = file.requests.as_ref().ok_or_else(|| missing(&file.name, "closed", "requests"))?;
            let clients = file.clients.as_ref().map_or(Ok(1), |clients| within("clients", clients, 1, MAX_CLIENTS))?;
            Workload::Closed {
                clients,
                requests: within("requests", requests, 1, MAX_SAMPLES / u64::from(clients))?,
                warmup: warmup(DEFAULT_CLOSED_WARMUP)?,
                client_model: match file.client_model.map(Spanned::into_inner) {
                    None | Some(ClientModelFile::Threads) => ClientModel::Threads,
                    Some(ClientModelFile::Processes) => ClientModel::Processes,
                },
                call: match file.call.map(Spanned::into_inner) {
                    None | Some(CallFile::Attribute) => Call::Attribute,
                    Some(CallFile::Bound) => Call::Bound,
                },
            }
        }
    };
    Ok(NamedWorkload { name, workload })
}

fn span<T>(key: &Option<Spanned<T>>) -> Option<Range<usize>> {
    key.as_ref().map(Spanned::span)
}

/// Refuses keys that belong to another kind of workload.
fn foreign(kind: &str, allowed: &str, keys: &[(&str, Option<Range<usize>>)]) -> Result<(), Wrong> {
    match keys.iter().find_map(|(key, span)| Some((key, span.clone()?))) {
        None => Ok(()),
        Some((key, span)) => Err(Wrong {
            span,
            message: format!("a workload of kind {kind:?} has no key {key:?}: allowed are name, kind, {allowed}"),
        }),
    }
}

fn missing(workload: &Spanned<String>, kind: &str, key: &str) -> Wrong {
    Wrong::at(workload, format!("workload {:?} of kind {kind:?} needs the key {key:?}", workload.get_ref()))
}
