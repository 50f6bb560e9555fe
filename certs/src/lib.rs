//! who may talk to whom
