//! serves and drives on one host
