//! A few thousand inputs for each property, the same at every run: the recorded cases, some of them mutated, and texts put together of words.

mod inputs;

use herald_properties::corpus::{TARGETS, Target};
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("the name is one of the list")
}

/// Tries every seed as it is, and then so many inputs made of them.
fn hold(name: &str, cases: u32) {
    let target = target(name);
    (target.seeds)().iter().for_each(|seed| (target.property)(seed));
    let config = Config { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let tried = TestRunner::new(config).run(&inputs::of(&target), |input| {
        (target.property)(&input);
        Ok(())
    });
    if let Err(TestError::Fail(reason, input)) = &tried {
        panic!("{reason}\nfor {:?}", String::from_utf8_lossy(input));
    }
    tried.expect("no input is rejected");
}

#[test]
fn templates_keep_to_their_limits() {
    hold("template", 4_000);
}

#[test]
fn configurations_are_used_or_refused_with_places_and_without_secrets() {
    hold("config", 400);
}

#[test]
fn messages_are_refused_or_read_alike_by_all() {
    hold("event", 2_000);
}
