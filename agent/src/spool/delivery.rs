//! A stream on its way to the controller: each segment is kept first.

use std::time::Instant;

use rpycbench_measure::Samples;
use rpycbench_process::metrics;
use rpycbench_proto::message::{Begin, CellId, Driven, Event, Stream};
use tokio::sync::mpsc;

use super::{Spool, SpoolError, Spooling};

/// A stream that is being delivered. What was delivered of one that is dropped before its end is kept.
#[derive(Debug)]
pub struct Delivery<'a> {
    spooling: Spooling,
    cell: CellId,
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
        let (spooling, sealed) = spool.begin(begin)?;
        let delivery = Self { spooling, cell, events };
        delivery.send(sealed).await;
        Ok(delivery)
    }

    /// Goes on with rows.
    ///
    /// # Errors
    /// The disk's; they are not sent then.
    pub async fn rows(&mut self, samples: Samples) -> Result<(), SpoolError> {
        let sealed = self.spooling.rows(samples)?;
        self.send(sealed).await;
        Ok(())
    }

    /// Ends the stream, which is on the disk before its end is sent.
    ///
    /// # Errors
    /// The disk's; the end is not sent then.
    pub async fn end(self, driven: Option<Driven>) -> Result<(), SpoolError> {
        let Self { spooling, cell, events } = self;
        let sealed = spooling.end(driven).await?;
        send(events, cell, sealed).await;
        Ok(())
    }

    async fn send(&self, sealed: Vec<u8>) {
        send(self.events, self.cell, sealed).await;
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
        send(events, cell, sealed).await;
    }
    Ok(())
}

/// Nobody takes it only when the run is over.
async fn send(events: &mpsc::Sender<Event>, cell: CellId, sealed: Vec<u8>) {
    let since = Instant::now();
    drop(events.send(Event::Segment { cell, sealed }).await);
    metrics::handed_over(since.elapsed());
}
