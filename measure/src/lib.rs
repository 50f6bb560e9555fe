//! What a measurement is: values in, values out. No I/O, no async, no protobuf, and no clock is read.
//!
//! A **plan** names hosts, topologies, servers and workloads. A **cell** is one topology × server × workload × driver ×
//! **block**; blocks are repetitions with a freshly started server. A cell yields **samples**, one row per call, of integer
//! nanoseconds. [`statistics`] turns the samples of a cell's blocks into figures with intervals. [`course`]
//! says whether a block was steady while it was measured. [`clock`] says what the
//! clocks of two hosts have to do with each other.

pub mod assignment;
pub mod clock;
pub mod columns;
pub mod confinement;
pub mod course;
pub mod histogram;
pub mod pairing;
pub mod sample;
pub mod stamps;
pub mod statistics;

pub use assignment::{
    Call, ClientModel, FlaskMode, Placement, RpycMode, Server, ServerKind, Stack, Stamping, Workload,
};
pub use confinement::Confinement;
pub use histogram::RunningHistogram;
pub use pairing::ClientPairing;
pub use sample::Samples;
pub use stamps::Stamps;
