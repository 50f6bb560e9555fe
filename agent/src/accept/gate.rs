//! How many connections there may be at the same time: a stranger cannot make the agent hold more, nor keep others out from
//! one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Room for so many connections.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    inside: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
    most_of_one: usize,
}

impl Gate {
    /// Room for `most` connections, `most_of_one` from one address.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self { inside: Arc::default(), most, most_of_one }
    }

    /// A place for a connection from that address, if there is one left.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut inside = self.inside();
        let all: usize = inside.values().sum();
        let of_one = inside.entry(address).or_default();
        if all < self.most && *of_one < self.most_of_one {
            *of_one += 1;
            return Some(Place { gate: self.clone(), address });
        }
        if *of_one == 0 {
            inside.remove(&address);
        }
        None
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    gate: Gate,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        if let Some(of_one) = inside.get_mut(&self.address) {
            *of_one -= 1;
            if *of_one == 0 {
                inside.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_in_so_many_and_so_many_from_one_address() {
        let gate = Gate::new(3, 2);
        let from = |last: u8| gate.enter([10, 0, 0, last].into());
        let (first, second) = (from(1).expect("room"), from(1).expect("room"));
        assert!(from(1).is_none(), "one address has its share");
        let third = from(2).expect("room for another");
        assert!(from(3).is_none(), "it is full");
        drop(first);
        assert!(from(3).is_some());
        drop((second, third));
        assert!(gate.inside().is_empty(), "nothing is remembered of who has gone");
    }
}
