//! What CPUs have done since the machine started, from `/proc/stat`: in steps of the kernel's tick.

/// Ticks of some CPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTicks {
    /// Those CPUs.
    pub(crate) cpus: u32,
    /// Of whatever kind.
    pub(crate) all: u64,
    /// Spent on something: neither idle, nor waiting for a disk, nor stolen.
    pub(crate) busy: u64,
    /// The hypervisor gave to others what a CPU here could have used.
    pub(crate) stolen: u64,
}

impl CpuTicks {
    /// Of these CPUs, or of all where none is named.
    pub(crate) fn now(cpus: &[u32]) -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?, cpus)
    }

    /// From the text of `/proc/stat`, which has a line `cpuN user nice system idle iowait irq softirq steal …` for each CPU.
    /// What follows is guest time, which is part of user and nice.
    fn parse(stat: &str, cpus: &[u32]) -> Option<Self> {
        let mut sum = Self::default();
        for (number, fields) in stat.lines().filter_map(|line| line.strip_prefix("cpu")?.split_once(' ')) {
            // The line of all together has no number.
            let Ok(number) = number.parse() else { continue };
            if !cpus.is_empty() && !cpus.contains(&number) {
                continue;
            }
            let ticks: Vec<u64> = fields.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
            let [user, nice, system, idle, waiting, irq, softirq, stolen] = <[u64; 8]>::try_from(ticks).ok()?;
            let busy = user + nice + system + irq + softirq;
            sum.cpus += 1;
            sum.all += busy + idle + waiting + stolen;
            sum.busy += busy;
            sum.stolen += stolen;
        }
        (sum.cpus > 0).then_some(sum)
    }

    /// Those since `before`. The kernel's counts of waiting may go back by a tick.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            cpus: self.cpus,
            all: self.all.saturating_sub(before.all),
            busy: self.busy.saturating_sub(before.busy),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "cpu  99 99 99 99 99 99 99 99 9 9\ncpu0 540 30 70 300 20 0 10 30 7 7\ncpu10 1 2 3 4 5 6 7 8 9 10\nintr 5\n";

    #[test]
    fn stolen_and_idle_time_is_not_busy_and_guests_are_not_counted_twice() {
        let first = CpuTicks { cpus: 1, all: 1000, busy: 650, stolen: 30 };
        assert_eq!(CpuTicks::parse(STAT, &[0]), Some(first));
        assert_eq!(CpuTicks::parse(STAT, &[0, 10]), CpuTicks::parse(STAT, &[]));
        let both = CpuTicks { cpus: 2, all: 1036, busy: 669, stolen: 38 };
        assert_eq!(CpuTicks::parse(STAT, &[]), Some(both));
        assert_eq!(both.since(&first), CpuTicks { cpus: 2, all: 36, busy: 19, stolen: 8 });
    }

    #[test]
    fn what_is_no_account_of_a_cpu_gives_nothing() {
        for text in ["", "cpu  1 2 3 4 5 6 7 8\n", "cpu0 1 2 3\n", "cpu1 1 2 3 4 5 6 7 8\n"] {
            assert_eq!(CpuTicks::parse(text, &[0]), None, "{text:?}");
        }
    }
}
