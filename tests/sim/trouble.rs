//! What goes wrong, and when: all of it drawn from the seed.

use std::time::Duration;

use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::World;
use crate::network::chance;

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lives: u64,
    pub(crate) left_over: u64,
    cuts: u64,
    breaks: u64,
    controllers_killed: u64,
    agents_killed: u64,
    power_cuts: u64,
    full_disks: u64,
    broken_disks: u64,
    slow_disks: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { lives, cuts, breaks, controllers_killed, agents_killed, .. } = other;
        self.lives += lives;
        self.left_over += other.left_over;
        self.cuts += cuts;
        self.breaks += breaks;
        self.controllers_killed += controllers_killed;
        self.agents_killed += agents_killed;
        self.power_cuts += other.power_cuts;
        self.full_disks += other.full_disks;
        self.broken_disks += other.broken_disks;
        self.slow_disks += other.slow_disks;
    }

    pub(crate) fn each_happened(&self) -> bool {
        let Self { cuts, breaks, controllers_killed, agents_killed, power_cuts, .. } = self;
        let disks = [self.full_disks, self.broken_disks, self.slow_disks];
        [cuts, breaks, controllers_killed, agents_killed, power_cuts].into_iter().chain(&disks).all(|&count| count > 0)
    }
}

/// Makes trouble for a while; afterwards everything is in order again.
pub(crate) async fn make(world: &World, killed: &Notify) -> Counts {
    let mut random = chance(world.seed, 2);
    let mut counts = Counts::default();
    for life in 1..=random.random_range(0..8_u64) {
        sleep(Duration::from_millis(random.random_range(0..8000))).await;
        match random.random_range(0..8) {
            0 => {
                counts.cuts += 1;
                world.network.cut(true);
                sleep(Duration::from_millis(random.random_range(100..14_000))).await;
                world.network.cut(false);
            }
            1 => {
                counts.breaks += 1;
                world.network.break_streams();
            }
            2 => {
                counts.controllers_killed += 1;
                killed.notify_one();
            }
            3 => {
                counts.agents_killed += 1;
                restart(world, life, random.random_range(0..3000)).await;
            }
            4 => {
                counts.power_cuts += 1;
                world.network.put(None);
                world.truth.risk_what_is_not_whole();
                world.disk.cut_power(&mut random);
                restart(world, life, random.random_range(0..9000)).await;
            }
            5 => {
                counts.full_disks += 1;
                world.disk.fall_ill(|ills| ills.full = true);
                sleep(Duration::from_millis(random.random_range(0..9000))).await;
                world.disk.fall_ill(|ills| ills.full = false);
            }
            6 => {
                counts.broken_disks += 1;
                world.disk.fall_ill(|ills| ills.broken = true);
                sleep(Duration::from_millis(random.random_range(0..9000))).await;
                world.disk.fall_ill(|ills| ills.broken = false);
            }
            _ => {
                counts.slow_disks += 1;
                let slow = Duration::from_millis(random.random_range(1000..15_000));
                world.disk.fall_ill(|ills| ills.slow = slow);
                sleep(Duration::from_millis(random.random_range(0..9000))).await;
                world.disk.fall_ill(|ills| ills.slow = Duration::ZERO);
            }
        }
    }
    counts
}

async fn restart(world: &World, life: u64, pause_ms: u64) {
    world.network.put(None);
    sleep(Duration::from_millis(pause_ms)).await;
    world.network.put(Some(world.agent(life)));
}
