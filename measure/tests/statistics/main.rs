//! Statistics of cells, seen from outside.

#[path = "../simulated/mod.rs"]
mod simulated;
#[path = "../simulated/truth.rs"]
mod truth;

mod comparisons;
mod coverage;
mod figures;
mod identities;
mod intervals;
mod precision;
mod samples;
