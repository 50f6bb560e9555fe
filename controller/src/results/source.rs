//! What results are made from.

use std::path::Path;

use super::asked::Asked;
use super::clock_pairs;
use super::schema::ClockPairsResult;
use crate::store::manifest::Manifest;

/// A run folder, as far as it is read once.
pub(super) struct Source<'a> {
    pub(super) folder: &'a Path,
    pub(super) manifest: &'a Manifest,
    pub(super) asked: Asked,
    /// Whether clocks agree, by topology.
    pub(super) clock_pairs: Vec<ClockPairsResult>,
}

impl<'a> Source<'a> {
    pub(super) fn of(folder: &'a Path, manifest: &'a Manifest) -> Self {
        let asked = Asked::read(folder, manifest);
        let clock_pairs = clock_pairs::of(folder, manifest, &asked);
        Self { folder, manifest, asked, clock_pairs }
    }
}
