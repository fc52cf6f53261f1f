//! A fake fleet in which something is always wrong somewhere, and elsewhere the next moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::answer;
use crate::fake_postgres::wire::Outbox;
use crate::fake_postgres::{self, FakePostgres, Fleet};
use crate::program::tenant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Fault {
    None,
    /// As many connections as the server takes.
    Crowded,
    /// It is about to end.
    Leaving,
    /// It answers with what is no message.
    Garbled,
    /// It says that it is its neighbour.
    Twin,
    /// It begins an answer that never ends.
    Hung,
}

const PASSING: [Fault; 4] = [Fault::Crowded, Fault::Leaving, Fault::Garbled, Fault::Twin];

/// Of so many targets one has a fault.
const RATE: f64 = 0.3;

pub(crate) struct Faulty {
    fake: FakePostgres,
    faults: Arc<[AtomicU8]>,
}

impl Faulty {
    pub(crate) fn start(targets: u32) -> Self {
        let faults: Arc<[AtomicU8]> = (0..targets).map(|_| AtomicU8::new(0)).collect();
        let now = Arc::clone(&faults);
        let answers = move |target: u32, sql: &str| {
            let fault = now.get(target as usize).map_or(0, |it| it.load(Ordering::Relaxed));
            answered(fault, target, sql)
        };
        Self { fake: FakePostgres::start(Fleet::answering(answers)), faults }
    }

    /// The next moment's faults. Those that hang cost a scan its deadline, so they are rare.
    pub(crate) fn pass(&self, random: &mut StdRng) {
        let hang = random.random_bool(0.02);
        for fault in self.faults.iter() {
            let which = PASSING[random.next_u32() as usize % PASSING.len()];
            let which = if hang && random.random_bool(0.1) { Fault::Hung } else { which };
            let which = if random.random_bool(RATE) { which } else { Fault::None };
            fault.store(which as u8, Ordering::Relaxed);
        }
    }

    /// Rows of the configuration, `fake-00` and so on.
    pub(crate) fn rows(&self) -> String {
        let row = |target| {
            let address = fake_postgres::address(target, self.fake.port());
            let url = format!("postgres://app{target:02}:secret{target:02}@{address}/tenant");
            tenant(&name(target), &url, "")
        };
        (0..u32::try_from(self.faults.len()).expect("few")).map(row).collect()
    }
}

pub(crate) fn name(target: u32) -> String {
    format!("fake-{target:02}")
}

fn answered(fault: u8, target: u32, sql: &str) -> Vec<u8> {
    let mut out = Outbox::default();
    match fault {
        it if it == Fault::Crowded as u8 => out.error("53300", "sorry, too many clients already"),
        it if it == Fault::Leaving as u8 => out.error("57P01", "terminating connection"),
        it if it == Fault::Garbled as u8 => out.raw(&[0xff; 64]),
        it if it == Fault::Twin as u8 => return answer::answer(target ^ 1, sql),
        // A row of half a megabyte is announced, and nothing of it comes.
        it if it == Fault::Hung as u8 => out.raw(b"D\0\x08\0\0"),
        _ => return answer::answer(target, sql),
    }
    out.take()
}
