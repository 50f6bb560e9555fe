//! How a binary of this project starts and stops: telemetry and signals.

pub mod home;
pub mod metrics;
pub mod precise;
pub mod propagate;
pub mod shutdown;
pub mod telemetry;

pub use shutdown::Shutdown;
pub use telemetry::Telemetry;
