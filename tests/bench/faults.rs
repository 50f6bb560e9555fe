//! Cells that run on several hosts while links are cut, controllers, agents and workers killed, at random moments: whether a
//! sample is missing, or there twice.
//!
//! A run that has lost a cell is taken up again until it is complete. Then every cell must have the rows its plan asks for,
//! each begun after the one before had ended: a row that was merged twice would not.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rpycbench_controller::store::samples::read;
use rpycbench_process::precise::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::kills::{Chance, Part, alive};
use rpycbench_tests::many_hosts::{CONTROLLER, ManyHosts};

use crate::Figure;

const HOSTS: [&str; 6] = ["hurin", "morwen", "nienor", "beleg", "gwindor", "sador"];
/// Some seconds of all hosts.
const BLOCKS: u32 = 5;
const REQUESTS: u32 = 1_000;
/// Between two faults, on average half of it.
const PAUSE: Duration = Duration::from_millis(500);
/// Well below the lease: what is cut comes back.
const LONGEST_CUT: Duration = Duration::from_secs(3);

/// What goes wrong.
#[derive(Clone, Copy)]
enum Fault {
    /// Nothing passes from the controller, to it, or either way.
    CutFrom,
    CutTo,
    Cut,
    Controller,
    Agent,
    /// A server or a driver.
    Worker,
}

/// As often as each is here.
const FAULTS: [Fault; 12] = [
    Fault::CutFrom,
    Fault::CutFrom,
    Fault::CutTo,
    Fault::CutTo,
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Cut,
    Fault::Controller,
    Fault::Agent,
    Fault::Worker,
];

/// What all runs came to.
#[derive(Default)]
struct Found {
    faults: u32,
    runs: u32,
    controllers: u32,
    wanted: u64,
    /// Rows of complete cells.
    rows: u64,
    /// Rows that begin before the one before them has ended.
    overlaps: u64,
    aside: u64,
}

/// At least so many faults.
pub(crate) fn measure(wanted: u32) -> Figure {
    const WHAT: &str = "samples lost or merged twice after faults at random moments";
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let mut hosts = match ManyHosts::start(sandbox, &HOSTS) {
        Ok(hosts) => hosts,
        Err(why) => return Figure::missing(WHAT, &why.to_string()),
    };
    let plan = hosts.sandbox.plan(&plan(&hosts)).display().to_string();
    let (mut chance, seed) = Chance::new("faults");
    let (mut found, began) = (Found::default(), Instant::now());
    while found.faults < wanted {
        let mut complete = live(&mut hosts, &["run", &plan, "--quiet"], &mut chance, wanted, &mut found);
        while !complete {
            let folder = hosts.sandbox.latest().display().to_string();
            complete = live(&mut hosts, &["run", "--resume", &folder, "--quiet"], &mut chance, wanted, &mut found);
        }
        found.look(&hosts);
    }
    let Found { faults, runs, controllers, wanted, rows, overlaps, aside } = found;
    Figure {
        what: WHAT,
        ours: format!("{} lost, {} twice", wanted.saturating_sub(rows), rows.saturating_sub(wanted) + overlaps),
        peer: format!("{aside} more of attempts that do not count"),
        result: format!(
            "{faults} faults in {runs} runs of {controllers} controllers, {rows} of {wanted} samples, {:.0} s, {seed}",
            began.elapsed().as_secs_f64()
        ),
        goal: "0 of 2000",
    }
}

/// Every host drives at itself, all at the same time.
fn plan(hosts: &ManyHosts) -> String {
    let mut plan = format!(
        "[study]\nname = \"faults\"\nblocks = {BLOCKS}\nplacement = \"free\"\nparallel = true\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n"
    );
    for (name, address) in hosts.addresses() {
        plan += &format!(
            "[hosts.{name}]\nagent = \"{address}\"\n[[topologies]]\nname = \"{name}\"\nclient = \"{name}\"\nserver = \"{name}\"\n"
        );
    }
    plan
}

/// Runs a controller to its end, with faults meanwhile as long as there are to be any; whether the run is complete.
fn live(hosts: &mut ManyHosts, args: &[&str], chance: &mut Chance, wanted: u32, found: &mut Found) -> bool {
    found.controllers += 1;
    let mut controller = hosts.controller(args);
    let mut controller = controller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the controller starts");
    // Of each cut, by the host, when it ends.
    let mut cuts: Vec<(&str, Instant)> = Vec::new();
    let status = loop {
        if let Some(status) = controller.try_wait().expect("it can be asked") {
            break status;
        }
        chance.moment(PAUSE);
        cuts.retain(|&(host, until)| {
            let goes_on = Instant::now() < until;
            if !goes_on {
                hosts.lan.both_ways(CONTROLLER, host).mend();
            }
            goes_on
        });
        if found.faults < wanted {
            let host = chance.shuffled(HOSTS.to_vec())[0];
            let fault = chance.shuffled(FAULTS.to_vec())[0];
            if let Some(cut) = put_in(hosts, fault, host, &mut controller, chance) {
                cuts.push((host, Instant::now() + cut));
            }
            found.faults += 1;
        }
    };
    for (host, _) in cuts {
        hosts.lan.both_ways(CONTROLLER, host).mend();
    }
    status.success()
}

/// Puts a fault in; for how long, where it is a cut.
fn put_in(
    hosts: &mut ManyHosts,
    fault: Fault,
    host: &str,
    controller: &mut Child,
    chance: &mut Chance,
) -> Option<Duration> {
    let way = match fault {
        Fault::CutFrom => hosts.lan.link(CONTROLLER, host),
        Fault::CutTo => hosts.lan.link(host, CONTROLLER),
        Fault::Cut => hosts.lan.both_ways(CONTROLLER, host),
        Fault::Controller => {
            // It may just have ended.
            drop(controller.kill());
            return None;
        }
        Fault::Agent => {
            hosts.kill_agent(host);
            return None;
        }
        Fault::Worker => {
            let workers = alive(&hosts.sandbox, &[Part::Server, Part::Driver]);
            if let Some(worker) = chance.shuffled(workers).first() {
                worker.signal(Signal::KILL);
            }
            return None;
        }
    };
    way.cut();
    Some(chance.part_of(LONGEST_CUT))
}

impl Found {
    /// Looks at a run that says that it is complete.
    fn look(&mut self, hosts: &ManyHosts) {
        self.runs += 1;
        self.wanted += HOSTS.len() as u64 * u64::from(BLOCKS) * u64::from(REQUESTS);
        let run = hosts.sandbox.json("run.json");
        let each = |of: &str| run[of].as_array().cloned().unwrap_or_default();
        self.aside += each("attempts").iter().filter_map(|attempt| attempt["stored"].as_u64()).sum::<u64>();
        for cell in each("cells") {
            let path = hosts.sandbox.latest().join(cell["samples"].as_str().expect("a path"));
            let columns = read(&path).expect("samples that can be read");
            self.rows += columns.start_ns.len() as u64;
            let after = columns.start_ns.iter().skip(1).zip(&columns.end_ns);
            self.overlaps += after.filter(|(start, end_before)| start < end_before).count() as u64;
        }
    }
}
