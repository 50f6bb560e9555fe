//! the system from outside
