//! A stream on its way to the controller: each segment is kept first.

use std::time::Instant;

use rpycbench_measure::{Samples, Stamps};
use rpycbench_process::metrics;
use rpycbench_proto::message::{Begin, CellId, Driven, Event, Part, Stamped, Stream};
use tokio::sync::mpsc;

use super::{Spool, SpoolError, Spooling};

/// A stream that is being delivered. What was delivered of one that is dropped before its end is kept.
#[derive(Debug)]
pub struct Delivery<'a> {
    spooling: Spooling,
    cell: CellId,
    part: Part,
    events: &'a mpsc::Sender<Event>,
}

impl<'a> Delivery<'a> {
    /// Begins a stream, whose segments are sent as those of `cell`.
    ///
    /// # Errors
    /// As [`Spool::begin`].
    pub async fn begin(
        spool: &Spool,
        begin: Begin,
        cell: CellId,
        events: &'a mpsc::Sender<Event>,
    ) -> Result<Self, SpoolError> {
        let part = begin.stream.part;
        let (spooling, sealed) = spool.begin(begin)?;
        let delivery = Self { spooling, cell, part, events };
        delivery.send(sealed).await;
        Ok(delivery)
    }

    /// Goes on with samples.
    ///
    /// # Errors
    /// The disk's; they are not sent then.
    pub async fn rows(&mut self, samples: Samples) -> Result<(), SpoolError> {
        let sealed = self.spooling.rows(samples)?;
        self.send(sealed).await;
        Ok(())
    }

    /// Goes on with stamps.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn stamps(&mut self, stamps: Stamps) -> Result<(), SpoolError> {
        let sealed = self.spooling.stamps(stamps)?;
        self.send(sealed).await;
        Ok(())
    }

    /// Ends a stream of samples, which is on the disk before its end is sent.
    ///
    /// # Errors
    /// The disk's; the end is not sent then.
    pub async fn end(self, driven: Option<Driven>) -> Result<(), SpoolError> {
        let Self { spooling, cell, part, events } = self;
        let sealed = spooling.end(driven).await?;
        send(events, cell, part, sealed).await;
        Ok(())
    }

    /// Ends a stream of stamps, as [`Self::end`] does one of samples.
    ///
    /// # Errors
    /// As there.
    pub async fn end_stamps(self, stamped: Option<Stamped>) -> Result<(), SpoolError> {
        let Self { spooling, cell, part, events } = self;
        let sealed = spooling.end_stamps(stamped).await?;
        send(events, cell, part, sealed).await;
        Ok(())
    }

    async fn send(&self, sealed: Vec<u8>) {
        send(self.events, self.cell, self.part, sealed).await;
    }
}

/// Sends a stream that is kept, as far as it can be read.
///
/// # Errors
/// When there is no such stream, or not all of it can be read.
pub async fn hand_over(
    spool: &Spool,
    stream: &Stream,
    cell: CellId,
    events: &mpsc::Sender<Event>,
) -> Result<(), SpoolError> {
    for segment in spool.read(stream)? {
        let (_, sealed) = segment?;
        send(events, cell, stream.part, sealed).await;
    }
    Ok(())
}

/// Nobody takes it only when the run is over.
async fn send(events: &mpsc::Sender<Event>, cell: CellId, part: Part, sealed: Vec<u8>) {
    let since = Instant::now();
    drop(events.send(Event::Segment { cell, part, sealed }).await);
    metrics::handed_over(since.elapsed());
}
