//! how a binary starts and stops
