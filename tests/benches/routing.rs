//! How many users' tokens one core judges in a second, by each signature, beside the signature's check alone.
//!
//! `cargo bench --bench routing`
//!
//! Why beside the check: cryptography is what a token must cost. What our own judgement adds is ours to keep small.

#[path = "../support/issuer.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod issuer;
#[path = "../support/measure.rs"]
#[expect(dead_code, reason = "the other benchmarks use the rest")]
mod measure;

use std::hint::black_box;
use std::process::ExitCode;

use issuer::{AUDIENCE, ISSUER, Issuer, claims};
use jiff::Timestamp;
use measure::{median, own_cpu, say, verdict};
use watertight::route::decision::{Registered, decide};
use watertight::route::keys::KeySet;
use watertight::route::token::{Rules, verify};

const NOW: i64 = 1_795_000_000;
const TOKENS: u32 = 2_000;
const ROUNDS: usize = 9;

/// Processor time of one, in microseconds, the median of several rounds.
fn timed(mut act: impl FnMut(u32)) -> f64 {
    median((0..ROUNDS).map(|_| {
        let before = own_cpu();
        (0..TOKENS).for_each(&mut act);
        own_cpu().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(TOKENS)
    }))
}

fn main() -> ExitCode {
    let issuer = Issuer::new("1");
    let keys = KeySet::read(issuer.published().to_string().as_bytes()).expect("they are keys");
    let rules =
        Rules { issuer: ISSUER.into(), audience: AUDIENCE.into(), tenant_claim: "tenant".into() };
    let now = Timestamp::from_second(NOW).expect("a time");
    for key in &issuer.keys {
        let tokens: Vec<String> =
            (0..100).map(|it| key.token(&claims(&format!("tenant-{it}"), NOW))).collect();
        let token = |at: u32| &*tokens[at as usize % tokens.len()];
        let known = keys.get(&key.id).expect("it was published");
        let alone = timed(|at| {
            let (message, signature) = token(at).rsplit_once('.').expect("three parts");
            assert!(black_box(known.signed(message, signature)), "it is signed");
        });
        let whole = timed(|at| {
            let vouched = verify(token(at), &keys, &rules, now).expect("it is good");
            black_box(decide(&vouched, Registered::Yes, &[], true, now));
        });
        let rate = 1e6 / whole;
        say(format_args!(
            "{:5}  {rate:7.0} decisions a second on one core, {whole:6.1} us each, {alone:6.1} us of them the signature",
            key.label
        ));
        verdict("  a decision, in milliseconds", whole / 1e3, 1.0);
        verdict("  a decision / its signature alone", whole / alone, 1.5);
    }
    ExitCode::SUCCESS
}
