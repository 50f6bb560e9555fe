//! runs plans and reports
