//! `agents`: those that were enrolled.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use rpycbench_proto::message::{ConfinementFacts, HostFacts, Measure};
use rpycbench_proto::{PROTOCOL, message::CertificateState};
use serde_json::{Value, json};

use super::{home, say};
use crate::contact::Contact;
use crate::error::Error;
use crate::home::{HomeError, KnownAgent};
use crate::renewal::good_until;
use crate::run::RunError;
use crate::session::Agent;

/// To say hello takes no longer.
const IDENTITY_LIFE: Duration = Duration::from_secs(300);

/// `agents list`.
pub(super) fn list(json: bool) -> Result<(), Error> {
    for agent in home()?.agents()? {
        if json {
            say(&format!("{}\n", json!(agent)));
            continue;
        }
        let KnownAgent { name, address, expires, banned, .. } = agent;
        let state = match banned {
            Some(since) => format!("banned since {since}"),
            None => format!("certificate good until {expires}"),
        };
        say(&format!("{name}  {address}  {state}\n"));
    }
    Ok(())
}

/// `agents ban`.
pub(super) fn ban(name: &str, json: bool) -> Result<(), Error> {
    let now = Timestamp::now();
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    // The first ban is the one that counts.
    let agent = home()?.amend(name, |known| known.banned = known.banned.take().or(Some(now)))?;
    if json {
        say(&format!("{}\n", json!(agent)));
    } else {
        let since = agent.banned.unwrap_or_default();
        say(&format!("{name} is banned since {since}: no run uses it until it is enrolled again\n"));
    }
    Ok(())
}

/// `agents describe`.
#[tokio::main]
pub(super) async fn describe(name: &str, json: bool) -> Result<(), Error> {
    let known = known(name)?;
    let contact = contact_with(&known, "describe").await?;
    say(&if json { format!("{}\n", as_json(&known, &contact)) } else { as_text(&known, &contact) });
    Ok(())
}

/// An agent that was enrolled and not banned.
fn known(name: &str) -> Result<KnownAgent, Error> {
    let known = home()?.agent(name)?.ok_or_else(|| HomeError::Unknown { name: name.to_owned() })?;
    match known.banned {
        None => Ok(known),
        Some(since) => {
            let (host, address) = (known.name.clone(), known.address);
            Err(Error::Run(RunError::Banned { host, name: known.name, address, since }))
        }
    }
}

async fn contact_with(known: &KnownAgent, purpose: &str) -> Result<Contact, Error> {
    let who = format!("{purpose}-{}", uuid::Uuid::now_v7());
    let identity = home()?.authority()?.controller(&who, IDENTITY_LIFE).map_err(HomeError::from)?;
    let agent = Agent { host: known.name.clone(), name: known.name.clone(), address: known.address.clone() };
    Ok(Contact::make(agent, &identity).await?)
}

/// Says hello to an agent; the certificate for it says what for.
pub(super) async fn contact(name: &str, purpose: &str) -> Result<Contact, Error> {
    contact_with(&known(name)?, purpose).await
}

/// From when until when, UTC, RFC 3339.
fn dates(certificate: CertificateState) -> (String, String) {
    let from = Timestamp::from_second(certificate.not_before_unix_s);
    (
        from.map(|from| from.to_string()).unwrap_or_default(),
        good_until(certificate).map(|until| until.to_string()).unwrap_or_default(),
    )
}

fn as_json(known: &KnownAgent, contact: &Contact) -> Value {
    let Contact { facts, build, certificate, busy_with, .. } = contact;
    let certificate = certificate.map(|certificate| {
        let (from, until) = dates(certificate);
        json!({ "not_before": from, "not_after": until, "renewal_due": certificate.renewal_due })
    });
    let HostFacts {
        hostname,
        os,
        kernel,
        arch,
        cpu_model,
        logical_cpus,
        physical_cores,
        memory_bytes,
        virtualization,
        confinement: ConfinementFacts { level, measures },
        boot_id,
    } = facts;
    json!({
        "name": known.name, "address": known.address, "enrolled": known.enrolled,
        "version": build, "protocol": PROTOCOL,
        "busy": !busy_with.is_empty(), "busy_with": busy_with, "certificate": certificate,
        "host": {
            "hostname": hostname, "os": os, "kernel": kernel, "arch": arch, "cpu_model": cpu_model,
            "logical_cpus": logical_cpus, "physical_cores": physical_cores, "memory_bytes": memory_bytes,
            "virtualization": virtualization, "boot_id": boot_id, "confinement": level.name(),
            "confinement_measures": measures
                .iter()
                .map(|Measure { name, in_force, detail }| json!({ "name": name, "in_force": in_force, "detail": detail }))
                .collect::<Vec<_>>(),
        },
    })
}

fn as_text(known: &KnownAgent, contact: &Contact) -> String {
    let Contact { facts, build, certificate, busy_with, .. } = contact;
    let busy = if busy_with.is_empty() { "free".to_owned() } else { format!("busy with {busy_with}") };
    let certificate = certificate.map(|certificate| {
        let (from, until) = dates(certificate);
        let due = if certificate.renewal_due { "; the next run renews it" } else { "" };
        format!("{from} to {until}{due}")
    });
    let HostFacts {
        hostname,
        os,
        kernel,
        arch,
        cpu_model,
        logical_cpus,
        physical_cores,
        memory_bytes,
        virtualization,
        confinement: ConfinementFacts { level, measures },
        boot_id: _,
    } = facts;
    let mut text = format!("{}  {}  {busy}\n", known.name, known.address);
    for (what, value) in [
        ("version", format!("{build}, protocol {PROTOCOL}")),
        ("enrolled", known.enrolled.clone()),
        ("certificate", certificate.unwrap_or_else(|| "unknown".to_owned())),
        ("host", format!("{hostname}, {os}, kernel {kernel}, {arch}")),
        ("cpus", format!("{logical_cpus} of {physical_cores} cores, {cpu_model}")),
        ("memory", format!("{} MiB", memory_bytes >> 20)),
        ("virtualization", virtualization.clone()),
        ("confinement", confinement(level.name(), measures)),
    ] {
        // What another host says of itself is one line. Writing to a string cannot fail.
        let _ = writeln!(text, "  {what:<14}  {}", value.replace('\n', "\\n"));
    }
    text
}

/// The level and what it lacks.
fn confinement(level: &str, measures: &[Measure]) -> String {
    let missing: Vec<_> =
        measures.iter().filter(|it| !it.in_force).map(|it| format!("{}: {}", it.name, it.detail)).collect();
    if missing.is_empty() { level.to_owned() } else { format!("{level}; not {}", missing.join("; not ")) }
}
