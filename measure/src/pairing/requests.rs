//! The requests of one connection among the rows of its port.

use crate::stamps::Stamps;

/// What a sample asks, in requests of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Requests {
    /// Before it, or before the first sample.
    pub(super) first: u64,
    /// Of one sample.
    pub(super) each: u64,
    /// Those of them that it waits for.
    pub(super) waited: u64,
}

impl Requests {
    /// Of the rows of a port, those of the connection on which a client has made so many calls.
    ///
    /// An RPyC connection ends with a request that is never answered, if its server comes to read it. A client that does not
    /// wait for the last requests of its last call may leave before these are read. Any other connection of that port is
    /// longer or shorter, or there is no telling.
    pub(super) fn of_client<'a>(&self, rows: &'a [usize], stamps: &Stamps, calls: u64) -> Option<&'a [usize]> {
        let most = calls.checked_mul(self.each)?.checked_add(self.first)?;
        let least = most.checked_sub(self.each.checked_sub(self.waited)?)?;
        let connections = rows.split_inclusive(|&row| stamps.answered_ns[row].is_none());
        let mut fitting = connections.filter_map(|rows| {
            let answered = rows.iter().take_while(|&&row| stamps.answered_ns[row].is_some()).count();
            (least..=most).contains(&(answered as u64)).then(|| &rows[..answered])
        });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// Of the rows of a client's connection, those that its call of that number waited for.
    pub(super) fn of_call<'a>(&self, own: &'a [usize], seq: u64) -> Option<&'a [usize]> {
        let from = seq.checked_mul(self.each)?.checked_add(self.first)?;
        own.get(usize::try_from(from).ok()?..usize::try_from(from.checked_add(self.waited)?).ok()?)
    }

    /// The rows of a port as connections of one sample each: so many answered requests, then perhaps one that is never
    /// answered. `None` where there is anything else among them.
    pub(super) fn connections<'a>(&self, rows: &'a [usize], stamps: &Stamps) -> Option<Vec<&'a [usize]>> {
        let each = usize::try_from(self.first.checked_add(self.each)?).ok().filter(|&each| each > 0)?;
        let is_answered = |row: &usize| stamps.answered_ns[*row].is_some();
        let (mut connections, mut rest) = (Vec::new(), rows);
        while !rest.is_empty() {
            let (connection, after) = rest.split_at_checked(each)?;
            if !connection.iter().all(is_answered) {
                return None;
            }
            connections.push(connection);
            rest = match after.split_first() {
                Some((row, after)) if !is_answered(row) => after,
                _ => after,
            };
        }
        Some(connections)
    }

    /// Whether such a connection has one row.
    pub(super) fn is_one(&self) -> bool {
        (self.first, self.each) == (0, 1)
    }

    /// Of the rows of such a connection, those that its sample waited for.
    pub(super) fn of_connection<'a>(&self, connection: &'a [usize]) -> &'a [usize] {
        let from = usize::try_from(self.first).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(self.waited).unwrap_or(usize::MAX));
        connection.get(from..to).unwrap_or_default()
    }
}
