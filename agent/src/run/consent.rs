//! Who consents to what: this agent to packets for its own servers, and other agents, or this one in its other role, to the
//! packets that this one sends. Nothing is sent before that is clear.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rpycbench_certs::consent::{Purpose, Statement, this_loopback};
use rpycbench_proto::message::{CellId, Consent, Event, Failure, Nonce};
use tokio::sync::oneshot;

use super::{Run, RunError};

/// From the order to arm a driver until it is let go. In between a server starts, for which it has 30 seconds, as the driver
/// has. A consent is asked for last, so none is older than this.
const DRIVE_WITHIN: Duration = Duration::from_secs(90);

/// What a run needs to give consents and to know them.
pub(super) struct Words {
    /// Of this run, for pings and calls.
    pub(super) nonce: Nonce,
    /// Whose loopback addresses this agent has.
    loopback: String,
    /// Consents are good once.
    used: HashSet<(Purpose, IpAddr, Vec<u16>)>,
}

impl Words {
    pub(super) fn new() -> Self {
        Self { nonce: rand::random(), loopback: this_loopback(), used: HashSet::new() }
    }
}

/// A driver that waits for its target.
pub(super) struct Armed {
    pub(super) nonce: Nonce,
    since: Instant,
    target: oneshot::Sender<SocketAddr>,
}

impl Armed {
    pub(super) fn new(target: oneshot::Sender<SocketAddr>) -> Self {
        Self { nonce: rand::random(), since: Instant::now(), target }
    }
}

impl Run<'_> {
    /// Consents, with this agent's signature, that who has made `nonce` sends packets to an address of this host.
    pub(super) fn consent(
        &self,
        purpose: Purpose,
        cell: Option<CellId>,
        nonce: &Nonce,
        address: IpAddr,
        ports: &[u16],
    ) -> Result<Consent, String> {
        let statement = self.statement(purpose, cell, nonce, address, ports);
        let identity = &self.terms.identity;
        let signature = identity.consent(&statement).map_err(|error| error.to_string())?;
        Ok(Consent { certificate: identity.certificate().to_owned(), signature })
    }

    /// Consents that the server of a cell is driven at.
    pub(super) async fn agree(&mut self, cell: CellId, nonce: &Nonce) {
        let up = self.cells.get(&cell).filter(|cell| !cell.stopping && cell.server.is_none());
        let consent = match up.and_then(|cell| cell.serving.get()) {
            Some(at) => self.consent(Purpose::Drive, Some(cell), nonce, at.ip(), &[at.port()]),
            None => Err("no server of the cell is up here".to_owned()),
        };
        match consent {
            Ok(consent) => self.send(Event::Agreed { cell, consent }).await,
            Err(reason) => self.fail(cell, "consent", reason).await,
        }
    }

    /// Gives an armed driver its target, if it may be driven at; else the driver ends.
    ///
    /// # Errors
    /// When no driver of the cell is armed.
    pub(super) async fn let_go(
        &mut self,
        cell: CellId,
        target: SocketAddr,
        consent: Option<Consent>,
    ) -> Result<(), RunError> {
        let armed = self.cells.get_mut(&cell).and_then(|cell| cell.armed.take());
        let unexpected = || RunError::Unexpected(format!("drive for cell {cell}, which is not armed"));
        let Armed { nonce, since, target: waiting } = armed.ok_or_else(unexpected)?;
        let late = since.elapsed() > DRIVE_WITHIN;
        let may = if late {
            Err(format!("the order to drive came more than {DRIVE_WITHIN:?} after the one to arm"))
        } else {
            self.may_send(Purpose::Drive, Some(cell), &nonce, target.ip(), &[target.port()], consent.as_ref())
        };
        match may {
            // Refused where the driver has just failed, which it reports itself.
            Ok(()) => drop(waiting.send(target)),
            Err(reason) => {
                drop(waiting);
                self.fail(cell, "drive", reason).await;
            }
        }
        Ok(())
    }

    /// Whether the network may be tried at an address, as [`Self::may_send`] for what belongs to no cell.
    pub(super) fn may_try(
        &mut self,
        purpose: Purpose,
        address: IpAddr,
        ports: &[u16],
        consent: Option<&Consent>,
    ) -> Result<(), String> {
        let nonce = self.words.nonce;
        self.may_send(purpose, None, &nonce, address, ports, consent)?;
        if self.words.used.insert((purpose, address, ports.to_vec())) {
            return Ok(());
        }
        Err(format!("the consent to {purpose} {address} has been used"))
    }

    /// Whether packets may go to an address: this host's limits list it, or an agent of the same controller consents.
    fn may_send(
        &self,
        purpose: Purpose,
        cell: Option<CellId>,
        nonce: &Nonce,
        address: IpAddr,
        ports: &[u16],
        consent: Option<&Consent>,
    ) -> Result<(), String> {
        let outcome = self.judge(&self.statement(purpose, cell, nonce, address, ports), consent);
        if let Err(reason) = &outcome {
            tracing::warn!(target: "audit", ?cell, %purpose, %address, ?ports, %reason, "denied");
        }
        outcome
    }

    fn judge(&self, wanted: &Statement<'_>, consent: Option<&Consent>) -> Result<(), String> {
        let address = wanted.address.to_canonical();
        if !is_of_one_host(address) {
            return Err(format!("{address} is not the address of one host"));
        }
        let limits = &self.terms.limits;
        let Err(denial) = limits.drive_at_other(address) else { return Ok(()) };
        let Some(Consent { certificate, signature }) = consent else { return Err(denial.to_string()) };
        let consented = self.terms.identity.consented(wanted, certificate, signature);
        consented.map_err(|fault| format!("{denial}: {fault}"))?;
        limits.drive_at_agent(address).map_err(|denial| denial.to_string())
    }

    fn statement<'a>(
        &'a self,
        purpose: Purpose,
        cell: Option<CellId>,
        nonce: &'a Nonce,
        address: IpAddr,
        ports: &'a [u16],
    ) -> Statement<'a> {
        let run = self.opened.as_deref().unwrap_or_default();
        Statement { purpose, run, cell, nonce, address, ports, loopback: &self.words.loopback }
    }

    /// Says that a role of a cell has come to a bad end before it began.
    pub(super) async fn fail(&self, cell: CellId, phase: &str, reason: String) {
        let phase = phase.to_owned();
        self.send(Event::Failed(Failure { cell: Some(cell), phase, reason, exit: None })).await;
    }
}

fn is_of_one_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}
