//! Samples find their own stamps or none, whatever the clocks say: clients at once, ports that come again, rows that are missing.

mod world;

use proptest::prelude::*;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rpycbench_measure::pairing::{ClientPairing, Why};

use world::{Connection, Shape, World};

/// Rows for everybody.
const ROOM: usize = usize::MAX;
const ATTRIBUTE: Shape = Shape { each: 3, waited: 2 };
const BOUND: Shape = Shape { each: 1, waited: 1 };
/// What an RPyC connection takes to be ready.
const READY: Shape = Shape { each: 2, waited: 2 };
const GET: Shape = Shape { each: 1, waited: 1 };
/// Few, so that they come again.
const PORTS: std::ops::Range<u16> = 40_000..40_012;

/// Clients of RPyC that each call on one connection, after a probe and a dry run from the port of one of them.
fn rpyc(world: &mut World, shape: Shape) -> Vec<ClientPairing> {
    let (clients, calls, warmup) =
        (world.random.random_range(1..5), world.random.random_range(1..20), world.random.random_range(0..4));
    let set_up = Shape { each: 2, waited: 2 };
    let mut probe = world.connect(40_000, 0);
    world.ask(&mut probe, GET);
    world.goodbye(&mut probe);
    let mut dry_run = world.connect(40_000, probe.over());
    world.ask(&mut dry_run, set_up);
    for _ in 0..2 {
        world.ask(&mut dry_run, shape);
    }
    if world.random.random_bool(0.5) {
        world.goodbye(&mut dry_run);
    } else {
        // It leaves before the server has read what nobody waits for.
        world.lose_last(&dry_run, (shape.each - shape.waited) as usize);
    }
    let told = |client| ClientPairing::Rows {
        port: Some(40_000 + client),
        first: set_up.each + warmup * shape.each,
        each: shape.each,
        waited: shape.waited,
    };
    for client in 0..clients {
        let mut connection = world.connect(40_000 + client, dry_run.over());
        world.ask(&mut connection, set_up);
        for _ in 0..warmup {
            world.ask(&mut connection, shape);
        }
        for _ in 0..calls {
            world.call(client.into(), &mut connection, shape, false);
        }
        match world.random.random_range(0..3) {
            0 => world.goodbye(&mut connection),
            1 => world.lose_last(&connection, (shape.each - shape.waited) as usize),
            _ => {}
        }
    }
    (0..clients).map(told).collect()
}

/// Clients that take a free port for each call, the next of them who is ready first. `strangers`: what was before the first
/// sample has used the same ports.
fn on_new_connections(world: &mut World, clients: u32, shape: Shape, strangers: bool, fail: f64) -> Vec<ClientPairing> {
    let mut free: Vec<(u16, i64)> = PORTS.map(|port| (port, 0)).collect();
    let mut ready: Vec<i64> = vec![0; clients as usize];
    let calls = world.random.random_range(1..60);
    let before = world.random.random_range(0..8);
    for number in 0..before + calls {
        let client = (0..ready.len()).min_by_key(|&client| ready[client]).unwrap_or(0);
        let now = ready[client];
        let is_sample = number >= before;
        let mut at_hand: Vec<usize> = (0..free.len()).filter(|&place| free[place].1 <= now).collect();
        if !strangers && !is_sample {
            at_hand.clear();
        }
        let place = at_hand.choose(&mut world.random).copied();
        let port = place.map_or(50_000 + number, |place| free[place].0);
        let mut connection = world.connect(port, now);
        match (is_sample, world.random.random_bool(fail)) {
            (false, _) => {
                world.ask(&mut connection, shape);
            }
            (true, false) => world.call(client as u32, &mut connection, shape, true),
            (true, true) => world.fail(client as u32, &mut connection, shape),
        }
        ready[client] = connection.now() + world.while_();
        if shape.each > 1 && world.random.random_bool(0.9) {
            world.goodbye(&mut connection);
        }
        if let Some(place) = place {
            free[place].1 = connection.over();
        }
    }
    let Shape { each, waited } = shape;
    vec![ClientPairing::Rows { port: None, first: 0, each, waited }; clients as usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_call_of_rpyc_finds_its_own(seed: u64, attribute: bool, forking: bool) {
        let mut world = World::new(seed);
        let clients = rpyc(&mut world, if attribute { ATTRIBUTE } else { BOUND });
        let paired = world.pair(&clients, ROOM, forking);
        let found = world.right(&paired);
        // The dry run and the client of that port may look the same: then neither is taken.
        let unsure = paired.unpaired.get(&Why::Missing).copied().unwrap_or(0);
        prop_assert_eq!(found as u64 + unsure, world.samples() as u64);
        prop_assert!(paired.served.iter().zip(0..).all(|(served, sample)| served.is_some() || world.client(sample) == 0));
    }

    #[test]
    fn every_call_on_a_connection_of_its_own_finds_its_own(seed: u64, clients in 1..5_u32, http: bool) {
        let mut world = World::new(seed);
        let (clients, shape) = if http { (clients, GET) } else { (1, READY) };
        let told = on_new_connections(&mut world, clients, shape, false, 0.0);
        let paired = world.pair(&told, ROOM, false);
        prop_assert_eq!(world.right(&paired), world.samples(), "{:?}", paired.unpaired);
    }

    #[test]
    fn where_anything_is_missing_or_failed_or_others_had_the_port_no_call_finds_anothers(
        seed: u64, clients in 1..5_u32, http: bool, forking: bool, fail in 0.0..0.5_f64,
    ) {
        let mut world = World::new(seed);
        let (clients, shape) = if http { (clients, GET) } else { (1, READY) };
        let told = on_new_connections(&mut world, clients, shape, true, fail);
        world.right(&world.pair(&told, ROOM, forking));
    }

    #[test]
    fn too_few_rows_are_noticed(seed: u64, room in 0..200_usize, attribute: bool, forking: bool) {
        let mut world = World::new(seed);
        let clients = rpyc(&mut world, if attribute { ATTRIBUTE } else { BOUND });
        let paired = world.pair(&clients, room, forking);
        let found = world.right(&paired);
        prop_assert!(found == 0 || !paired.unpaired.contains_key(&Why::Full));
    }
}

/// Here connections that failed after some requests, and those after them from the same port, add up to others.
#[test]
fn rows_of_connections_that_failed_are_not_taken_for_others() {
    let mut world = World::new(13_097_421_261_610_291_997);
    let told = on_new_connections(&mut world, 1, READY, true, 0.422_305_196_086_745_16);
    world.right(&world.pair(&told, ROOM, false));
}

#[test]
fn a_port_that_others_had_before_costs_few_pairs() {
    let (mut found, mut samples) = (0, 0);
    for seed in 0..500 {
        let mut world = World::new(seed);
        let told = on_new_connections(&mut world, 2, GET, true, 0.02);
        found += world.right(&world.pair(&told, ROOM, false));
        samples += world.samples();
    }
    assert!(found * 10 > samples * 8, "{found} of {samples}");
}

#[test]
fn a_sample_without_a_pair_says_why() {
    let rows = |port, each| ClientPairing::Rows { port, first: 0, each, waited: each };
    let why = |world: &World, told: &[ClientPairing], room| -> Vec<Why> {
        let paired = world.pair(told, room, false);
        assert_eq!(world.right(&paired), 0);
        paired.unpaired.into_keys().collect()
    };
    let mut world = World::new(1);
    let mut connection: Connection = world.connect(40_000, 0);
    world.call(0, &mut connection, GET, true);
    assert_eq!(why(&world, &[], ROOM), [Why::Unknown("the driver did not come to tell".to_owned())]);
    assert_eq!(why(&world, &[ClientPairing::Unknown("gone".to_owned())], ROOM), [Why::Unknown("gone".to_owned())]);
    assert_eq!(why(&world, &[rows(None, 0)], ROOM), [Why::NoRequest]);
    assert_eq!(why(&world, &[rows(None, 1)], 1), [Why::Full]);
    assert_eq!(why(&world, &[rows(Some(40_001), 1)], ROOM), [Why::Missing]);
    assert_eq!(why(&world, &[rows(None, 2)], ROOM), [Why::Reused]);

    let mut world = World::new(1);
    let mut connection: Connection = world.connect(40_000, 0);
    world.call(0, &mut connection, GET, false);
    assert_eq!(why(&world, &[rows(None, 1)], ROOM), [Why::NoConnection]);

    let mut world = World::new(1);
    let mut connection: Connection = world.connect(40_000, 0);
    world.fail(0, &mut connection, GET);
    assert_eq!(why(&world, &[rows(None, 1)], ROOM), [Why::Failed]);
}
