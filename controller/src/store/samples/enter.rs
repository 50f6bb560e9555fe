//! What is known of a cell's samples only after it is over, entered in their file.

use std::path::Path;

use parquet::data_type::Int64Type;

use super::{GROWING, SCHEMA};
use crate::store::table::{Optional, TableError, column, replace};

/// When the server of a sample had had the request and had answered it, ns of the controller's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTime {
    /// The middle of when it may have had the request.
    pub received_ns: i64,
    /// The middle of when it may have answered.
    pub answered_ns: i64,
    /// How far either may be from that.
    pub bound_ns: i64,
}

/// Gives every row its server's times, or none. The file is replaced as a whole, and no other column is touched.
///
/// # Errors
/// When there are not as many rows as times, or it cannot be read or written; it is what it was then.
pub fn enter_server_times(path: &Path, times: &[Option<ServerTime>]) -> Result<(), TableError> {
    let names = ["server_recv_ns", "server_send_ns", "clock_bound_ns"];
    let parts = [|it: ServerTime| it.received_ns, |it: ServerTime| it.answered_ns, |it: ServerTime| it.bound_ns];
    replace(path, SCHEMA, &GROWING, times.len(), |name, rows, group| {
        let place = names.iter().position(|it| *it == name)?;
        let mut values = Optional::default();
        times[rows].iter().for_each(|time| values.push(time.map(parts[place])));
        Some(column::<Int64Type>(group, &values.values, Some(&values.present)))
    })
}
