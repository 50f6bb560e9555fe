//! Events.

use std::net::SocketAddr;

use rpycbench_measure::histogram::HistogramParts;

use super::samples::part;
use super::{InvalidMessage, address, missing, nonce, port, ports, widened};
use crate::message::{Event, Failure};
use crate::pb;

impl From<Event> for pb::Event {
    fn from(event: Event) -> Self {
        use pb::event::Kind;
        let kind = match event {
            Event::Opened { epoch_ns, nonce } => Kind::Opened(pb::Opened { epoch_ns, nonce: nonce.into() }),
            Event::Preparing { what, done, total } => Kind::Preparing(pb::Preparing { what, done, total }),
            Event::Prepared(facts) => Kind::Prepared(facts.into()),
            Event::Echoing { address, link, consent } => Kind::Echoing(pb::Echoing {
                address: address.ip().to_string(),
                port: address.port().into(),
                link: Some(link.into()),
                consent: Some(consent.into()),
            }),
            Event::Pinged { target, round_trip_ns, lost, link } => Kind::Pinged(pb::Pinged {
                address: target.ip().to_string(),
                port: target.port().into(),
                round_trip_ns,
                lost,
                link: Some(link.into()),
            }),
            Event::Listening { address, ports, consent } => Kind::Listening(pb::Listening {
                address: address.to_string(),
                ports: widened(ports),
                consent: Some(consent.into()),
            }),
            Event::Reached => Kind::Reached(pb::Reached {}),
            Event::Serving { cell, address, pinned, startup_ns } => Kind::Serving(pb::Serving {
                cell,
                address: address.ip().to_string(),
                port: address.port().into(),
                pinned: Some(pinned.into()),
                startup_ns,
            }),
            Event::Armed { cell, pinned, nonce } => {
                Kind::Armed(pb::Armed { cell, pinned: Some(pinned.into()), nonce: nonce.into() })
            }
            Event::Agreed { cell, consent } => Kind::Agreed(pb::Agreed { cell, consent: Some(consent.into()) }),
            Event::Progress { cell, done, failed, histogram } => Kind::Progress(pb::Progress {
                cell,
                done,
                failed,
                histogram: histogram.v2,
                below: histogram.below,
                above: histogram.above,
                largest_ns: histogram.largest,
            }),
            Event::Segment { cell, part, sealed } => {
                Kind::Segment(pb::Segment { cell, sealed, part: pb::Part::from(part).into() })
            }
            Event::HandedOver { cell, trouble } => Kind::HandedOver(pb::HandedOver { cell, trouble }),
            Event::Kept { streams } => Kind::Kept(pb::Kept { streams: streams.into_iter().map(Into::into).collect() }),
            Event::Stopped { cell, server, driver } => {
                Kind::Stopped(pb::Stopped { cell, server: server.map(Into::into), driver: driver.map(Into::into) })
            }
            Event::Failed(Failure { cell, phase, reason, exit }) => {
                Kind::Failed(pb::Failed { cell, phase, reason, exit: exit.map(Into::into) })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::Event> for Event {
    type Error = InvalidMessage;

    fn try_from(event: pb::Event) -> Result<Self, InvalidMessage> {
        use pb::event::Kind;
        Ok(match event.kind.ok_or_else(|| missing("event.kind"))? {
            Kind::Opened(opened) => {
                Self::Opened { epoch_ns: opened.epoch_ns, nonce: nonce("opened.nonce", opened.nonce)? }
            }
            Kind::Preparing(pb::Preparing { what, done, total }) => Self::Preparing { what, done, total },
            Kind::Prepared(facts) => Self::Prepared(facts.into()),
            Kind::Echoing(echoing) => Self::Echoing {
                address: SocketAddr::new(
                    address("echoing.address", &echoing.address)?,
                    port("echoing.port", echoing.port)?,
                ),
                link: echoing.link.unwrap_or_default().into(),
                consent: echoing.consent.ok_or_else(|| missing("echoing.consent"))?.into(),
            },
            Kind::Pinged(pinged) => Self::Pinged {
                target: SocketAddr::new(address("pinged.address", &pinged.address)?, port("pinged.port", pinged.port)?),
                round_trip_ns: pinged.round_trip_ns,
                lost: pinged.lost,
                link: pinged.link.unwrap_or_default().into(),
            },
            Kind::Listening(listening) => Self::Listening {
                address: address("listening.address", &listening.address)?,
                ports: ports("listening.ports", listening.ports)?,
                consent: listening.consent.ok_or_else(|| missing("listening.consent"))?.into(),
            },
            Kind::Reached(pb::Reached {}) => Self::Reached,
            Kind::Serving(serving) => Self::Serving {
                cell: serving.cell,
                address: SocketAddr::new(
                    address("serving.address", &serving.address)?,
                    port("serving.port", serving.port)?,
                ),
                pinned: serving.pinned.unwrap_or_default().into(),
                startup_ns: serving.startup_ns,
            },
            Kind::Armed(armed) => Self::Armed {
                cell: armed.cell,
                pinned: armed.pinned.unwrap_or_default().into(),
                nonce: nonce("armed.nonce", armed.nonce)?,
            },
            Kind::Agreed(agreed) => Self::Agreed {
                cell: agreed.cell,
                consent: agreed.consent.ok_or_else(|| missing("agreed.consent"))?.into(),
            },
            Kind::Progress(progress) => Self::Progress {
                cell: progress.cell,
                done: progress.done,
                failed: progress.failed,
                histogram: HistogramParts {
                    v2: progress.histogram,
                    below: progress.below,
                    above: progress.above,
                    largest: progress.largest_ns,
                },
            },
            Kind::Segment(pb::Segment { cell, sealed, part: of }) => Self::Segment { cell, part: part(of)?, sealed },
            Kind::HandedOver(pb::HandedOver { cell, trouble }) => Self::HandedOver { cell, trouble },
            Kind::Kept(pb::Kept { streams }) => {
                Self::Kept { streams: streams.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()? }
            }
            Kind::Stopped(stopped) => Self::Stopped {
                cell: stopped.cell,
                server: stopped.server.map(Into::into),
                driver: stopped.driver.map(Into::into),
            },
            Kind::Failed(pb::Failed { cell, phase, reason, exit }) => {
                Self::Failed(Failure { cell, phase, reason, exit: exit.map(Into::into) })
            }
        })
    }
}
