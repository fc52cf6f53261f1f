//! What a seed draws: who asks for what and when, what goes wrong, and when the daemon dies.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::fake_supabase::faults::{CREATE, DELETE, Fault, On};
use crate::fake_supabase::projects::Fate;
use crate::fake_supabase::world::World;
use crate::stage::Stage;

const READ: On = On { method: "GET", path: "" };

/// Creations that race, at most.
const CREATIONS: usize = 10;

/// Within which they are asked for.
const BEGINS: u64 = 1_500;
/// Within which the daemon is killed, again and again.
const KILLS: u64 = 6_000;

/// What one customer-to-be does.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) after: Duration,
    pub(crate) subdomain: String,
    pub(crate) key: Option<String>,
    /// How often the same request is sent.
    pub(crate) sent: usize,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Stays,
    /// Calls it off, so long after it began.
    Cancels(Duration),
    /// Leaves as soon as the tenant is there.
    Leaves,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) customers: Vec<Customer>,
    pub(crate) kills: Vec<Duration>,
}

/// How much goes wrong with those who come. Where nearly nobody comes to be, nearly nobody leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Rough,
    /// Half of those who come leave again.
    Mild,
}

pub(crate) fn plan(stage: &Stage, seed: u64, random: &mut StdRng) -> Plan {
    let weather = if random.random_bool(0.5) { Weather::Rough } else { Weather::Mild };
    let count = random.random_range(2..=CREATIONS);
    let customers: Vec<Customer> = (0..count).map(|it| customer(it, weather, random)).collect();
    let setups: &[&str] = match weather {
        Weather::Rough => &["", "", "", "", "tells", "fails", "hangs"],
        Weather::Mild => &["", "", "", "", "", "tells"],
    };
    for customer in &customers {
        stage.set_up(&customer.subdomain, setups.choose(random).unwrap());
    }
    let kills = random.random_range(2..=5);
    let mut kills: Vec<Duration> = (0..kills).map(|_| within(KILLS, random)).collect();
    kills.sort();
    let mut world = stage.fake.world();
    world.rules.unscaled.lag = Duration::from_secs(random.random_range(0..15));
    if random.random_bool(0.1) {
        world.rules.quota = Some(random.random_range(2..8));
    }
    let share = random.random_range(0.0..0.15);
    let reads: Vec<(On, Fault)> = READS.iter().map(|it| (READ, it.clone())).collect();
    world.faults.seed(seed, share, &reads);
    writes(&mut world, stage, (count, weather), random);
    Plan { customers, kills }
}

fn customer(number: usize, weather: Weather, random: &mut StdRng) -> Customer {
    let again = 0 < number && random.random_bool(0.25);
    let place = if again { random.random_range(0..number) } else { number };
    let then = match (weather, random.random_range(0..10)) {
        (Weather::Rough, 0 | 1) | (Weather::Mild, 0) => Then::Cancels(within(2_500, random)),
        (Weather::Rough, 2 | 3) | (Weather::Mild, 1..=5) => Then::Leaves,
        _ => Then::Stays,
    };
    Customer {
        after: within(BEGINS, random),
        subdomain: format!("new-{place}"),
        key: random.random_bool(0.5).then(|| format!("key-{number}")),
        sent: if random.random_bool(0.3) { 2 } else { 1 },
        then,
    }
}

/// The first creations and deletions meet what is drawn here; whichever comes first meets the first.
fn writes(
    world: &mut World,
    stage: &Stage,
    (creations, weather): (usize, Weather),
    random: &mut StdRng,
) {
    let most = match weather {
        Weather::Rough => creations * 2 / 3,
        Weather::Mild => creations / 4,
    };
    for _ in 0..random.random_range(0..=most) {
        let fault = if random.random_bool(0.06) {
            let taken = stage.customers.choose(random).unwrap().reference.clone();
            Fault::Fated(Fate::InUse(taken))
        } else {
            CREATIONS_FAIL.choose(random).unwrap().clone()
        };
        world.faults.script(CREATE, fault, 1);
    }
    for _ in 0..random.random_range(0..=creations) {
        let refused = random.random_bool(0.03);
        let fault = if refused { REFUSED.choose(random) } else { DELETIONS_FAIL.choose(random) };
        world.faults.script(DELETE, fault.unwrap().clone(), 1);
    }
}

fn within(most: u64, random: &mut StdRng) -> Duration {
    Duration::from_millis(random.random_range(0..most))
}

/// Below a request's 600 ms, and above.
const SOON: Duration = Duration::from_millis(30);
const LATE: Duration = Duration::from_millis(650);

const READS: &[Fault] = &[
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::ErrorBefore(500),
    Fault::ErrorAfter(502),
    Fault::AnsweredLate(SOON),
    Fault::AnsweredLate(LATE),
    Fault::Limited { reset: 20 },
    Fault::Truncated,
    Fault::Hang,
    Fault::Says(200, "[]"),
];

const CREATIONS_FAIL: &[Fault] = &[
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::LostAfter,
    Fault::Doubled,
    Fault::Doubled,
    Fault::AnsweredLate(SOON),
    Fault::AnsweredLate(LATE),
    Fault::DoneLate(SOON),
    Fault::DoneLate(LATE),
    Fault::ErrorBefore(500),
    Fault::ErrorAfter(502),
    Fault::Limited { reset: 20 },
    Fault::Truncated,
    Fault::Forgotten,
    Fault::Says(400, crate::fake_supabase::routes::QUOTA),
    Fault::Says(201, "{}"),
    Fault::Fated(Fate::NeverUp),
    Fault::Fated(Fate::Status("INIT_FAILED")),
    Fault::Fated(Fate::Status("INIT_FAILED")),
    Fault::Fated(Fate::Status("BEING_REPAINTED")),
    Fault::Fated(Fate::Flapping),
    Fault::Fated(Fate::NoPooler),
    Fault::Fated(Fate::Host("db.evil.example")),
    Fault::Fated(Fate::Host("10.0.0.1")),
    Fault::Fated(Fate::OtherUser),
];

const DELETIONS_FAIL: &[Fault] = &[
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::Doubled,
    Fault::AnsweredLate(LATE),
    Fault::DoneLate(LATE),
    Fault::ErrorBefore(500),
    Fault::ErrorAfter(504),
    Fault::Limited { reset: 20 },
    Fault::Truncated,
];

pub(crate) const REFUSED: &[Fault] = &[
    Fault::Says(400, r#"{"message":"Project is protected"}"#),
    Fault::Says(403, r#"{"message":"Forbidden resource"}"#),
];
