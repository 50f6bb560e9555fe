//! the contract between controller and agent
