//! Bounds between many clocks, made as tight as they make each other.
//!
//! The difference-bound matrix of Dill, "Timing Assumptions and Verification of Finite-State Concurrent Systems",
//! 1989, closed by the shortest paths of Floyd, "Algorithm 97", CACM 5(6), 1962.

use super::interval::Interval;

/// How far each of some hosts' clocks may be ahead of each other's, at one instant, ns.
///
/// All bounds have to be about the same instant: differences of clocks at different ones do not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferenceMatrix {
    hosts: usize,
    /// Row by row, the most that clock j − clock i can be.
    at_most: Vec<Option<i64>>,
}

/// A host's number that is not below the number of hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no host {host} among {hosts}")]
pub struct NoSuchHost {
    host: usize,
    hosts: usize,
}

/// Bounds that contradict each other: around a circle of hosts, a clock would be ahead of itself by less than 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bounds of the clocks of hosts {hosts:?} contradict each other by {by_ns} ns")]
pub struct NegativeCycle {
    /// The circle, each host once, in the order of the bounds.
    pub hosts: Vec<usize>,
    /// By how much.
    pub by_ns: i64,
}

impl DifferenceMatrix {
    /// Of hosts of which nothing is known.
    pub fn new(hosts: usize) -> Self {
        let at_most = (0..hosts * hosts).map(|cell| (cell / hosts == cell % hosts).then_some(0)).collect();
        Self { hosts, at_most }
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// Adds what is known of clock `j` − clock `i`. What was known already stays known.
    ///
    /// # Errors
    ///
    /// There is no such host; nothing is added.
    pub fn bound(&mut self, i: usize, j: usize, difference: Interval) -> Result<(), NoSuchHost> {
        for host in [i, j] {
            if host >= self.hosts {
                return Err(NoSuchHost { host, hosts: self.hosts });
            }
        }
        // Without an end that cannot be negated, the bound is only wider.
        self.lower_to(i, j, difference.high);
        self.lower_to(j, i, difference.low.and_then(i64::checked_neg));
        Ok(())
    }

    /// What is known of clock `j` − clock `i`.
    pub fn difference(&self, i: usize, j: usize) -> Interval {
        Interval { low: self.at_most(j, i).and_then(i64::checked_neg), high: self.at_most(i, j) }
    }

    fn at_most(&self, i: usize, j: usize) -> Option<i64> {
        if i.max(j) < self.hosts { self.at_most.get(i * self.hosts + j).copied().flatten() } else { None }
    }

    /// Whether that tells anything new.
    fn lower_to(&mut self, i: usize, j: usize, at_most: Option<i64>) -> bool {
        match (self.at_most.get_mut(i * self.hosts + j), at_most) {
            (Some(known), Some(at_most)) if known.is_none_or(|known| at_most < known) => {
                *known = Some(at_most);
                true
            }
            _ => false,
        }
    }

    /// By way of `k`; none where that is no bound, or one that is out of range. One below the range is moved up.
    fn at_most_via(&self, i: usize, k: usize, j: usize) -> Option<i64> {
        let sum = i128::from(self.at_most(i, k)?) + i128::from(self.at_most(k, j)?);
        i64::try_from(sum.max(i64::MIN.into())).ok()
    }
}

/// Replaces every bound by the tightest that follows from all of them: clock j − clock i is at most what clock k
/// − clock i and clock j − clock k are at most together. Takes O(n³) for n hosts.
///
/// # Errors
///
/// The bounds contradict each other; the matrix is as it was.
pub fn tighten(matrix: &mut DifferenceMatrix) -> Result<(), NegativeCycle> {
    let mut paths = Paths::direct(matrix);
    let hosts = 0..matrix.hosts();
    for host in hosts.clone() {
        if let Some(own) = matrix.at_most(host, host).filter(|&own| own < 0) {
            return Err(NegativeCycle { hosts: vec![host], by_ns: own.saturating_neg() });
        }
    }
    for k in hosts.clone() {
        // Before any bound is replaced that such a circle would make worthless.
        if let Some(i) = hosts.clone().find(|&i| paths.matrix.at_most_via(i, k, i).is_some_and(|own| own < 0)) {
            return Err(paths.cycle(i, k));
        }
        for i in hosts.clone() {
            for j in hosts.clone() {
                paths.shorten(i, k, j);
            }
        }
    }
    *matrix = paths.matrix;
    Ok(())
}

/// The bounds so far, and by way of whom they came about.
struct Paths {
    matrix: DifferenceMatrix,
    /// Row by row, the first host on the way from i to j.
    next: Vec<usize>,
}

impl Paths {
    fn direct(matrix: &DifferenceMatrix) -> Self {
        let hosts = matrix.hosts();
        Self { matrix: matrix.clone(), next: (0..hosts * hosts).map(|cell| cell % hosts).collect() }
    }

    fn next(&self, i: usize, j: usize) -> usize {
        self.next.get(i * self.matrix.hosts() + j).copied().unwrap_or(j)
    }

    fn shorten(&mut self, i: usize, k: usize, j: usize) {
        let at_most = self.matrix.at_most_via(i, k, j);
        if self.matrix.lower_to(i, j, at_most) {
            let first = self.next(i, k);
            if let Some(next) = self.next.get_mut(i * self.matrix.hosts() + j) {
                *next = first;
            }
        }
    }

    /// From `i` by way of `k` back to `i`.
    fn cycle(&self, i: usize, k: usize) -> NegativeCycle {
        let by_ns = self.matrix.at_most_via(i, k, i).map_or(0, i64::saturating_neg);
        let hosts = [self.way(i, k), self.way(k, i)].concat();
        NegativeCycle { hosts, by_ns }
    }

    /// From `i` to `j`, without the latter.
    fn way(&self, i: usize, j: usize) -> Vec<usize> {
        let onward = |&at: &usize| Some(self.next(at, j)).filter(|&next| next != j);
        std::iter::successors(Some(i), onward).take(self.matrix.hosts()).collect()
    }
}
