//! How fast a driver is, as its agent sees it: the driver itself is not held up by a look at a limit.

use std::time::Instant;

use super::{Denial, Limits};

/// Watches the pace of one cell's load.
#[derive(Debug)]
pub struct Pace {
    limits: std::sync::Arc<Limits>,
    since: Instant,
}

impl Pace {
    /// From now on.
    pub fn new(limits: std::sync::Arc<Limits>) -> Self {
        Self { limits, since: Instant::now() }
    }

    /// Denied once `done` is more than the rate allows until now, and one time unit's worth in advance: load is never even.
    ///
    /// # Errors
    /// When it is.
    pub fn look(&self, done: u64) -> Result<(), Denial> {
        let rule = &self.limits.max_rate;
        let Some(most) = rule.value.at_most() else { return Ok(()) };
        let units = 1.0 + self.since.elapsed().as_secs_f64() / most.per.as_secs_f64();
        if done as f64 <= most.count as f64 * units {
            return Ok(());
        }
        let seconds = self.since.elapsed().as_secs_f64();
        Err(self.limits.denial("max_rate", rule, format!("the cell has done {done} in {seconds:.1} s, and is ended")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn load_may_be_uneven_but_not_too_fast() {
        let text = "max_rate = \"10/h\"";
        let limits = Limits::parse(Path::new("limits.toml"), text, None).expect("sound");
        let pace = Pace::new(Arc::new(limits));
        pace.look(10).expect("the first of an hour may come at once");
        let denial = pace.look(12).expect_err("too fast").to_string();
        assert!(
            denial.starts_with("denied by max_rate = \"10/h\" in limits.toml: the cell has done 12 in "),
            "{denial}"
        );
        Pace::new(Arc::new(Limits::built_in(None).expect("sound"))).look(u64::MAX).expect("unlimited");
    }
}
