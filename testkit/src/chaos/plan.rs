//! What a campaign does and when. Pure: the same seed and time give the same plan.
//!
//! In go a seed, a time, and the faults to use; out come acts, each in a [`Setting`] of its own, with the steps to take in them. The first steps deal out every
//! fault once, alone or in pairs, those that make each other worse together; what follows is drawn by chance. A step takes as long as the pipeline needs to recover, so an act may end before its steps do.

mod fault;

use std::time::Duration;

use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

pub use self::fault::{Fault, Line, Part, Setting};

/// A fault as it is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The fault.
    pub fault: Fault,
    /// Whether it meets all of a stage's replicas, or one.
    pub wide: bool,
    /// A number by which the injection chooses what the fault leaves open: a replica, a delay.
    pub pick: u32,
}

/// One or two faults, from their beginning to the recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The faults.
    pub faults: Vec<Injection>,
    /// How much later the second begins.
    pub offset: Duration,
    /// How long they are in force once all have begun.
    pub hold: Duration,
}

/// The time in one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Servers and watchers.
    pub setting: Setting,
    /// How long it lasts; the step that is under way is ended.
    pub time: Duration,
    /// What happens.
    pub steps: Vec<Step>,
}

/// How the time is shared between the settings that are played.
const SHARES: [(Setting, u64); 3] = [(Setting::Single, 45), (Setting::Turns, 20), (Setting::Cluster, 35)];

/// Plans a campaign with some faults.
pub fn plan(seed: u64, time: Duration, faults: &[Fault]) -> Vec<Act> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = faults.to_vec();
    deck.shuffle(&mut random);
    let mut hands: Vec<Vec<Fault>> = vec![Vec::new(); SHARES.len()];
    for fault in deck {
        // Of the settings it fits, the one that has the least to do for its time.
        let load = |at: &usize| hands[*at].len() as u64 * 1_000 / SHARES[*at].1;
        let fitting = (0..SHARES.len()).filter(|at| fault.settings().contains(&SHARES[*at].0));
        if let Some(at) = fitting.min_by_key(load) {
            hands[at].push(fault);
        }
    }
    let played: Vec<((Setting, u64), Vec<Fault>)> = SHARES.into_iter().zip(hands).filter(|(_, hand)| !hand.is_empty()).collect();
    let shares: u64 = played.iter().map(|((_, share), _)| share).sum();
    let mut acts = Vec::new();
    for ((setting, share), hand) in played {
        let time = time.mul_f64(share as f64 / shares as f64);
        let mut steps = Vec::new();
        let mut waiting = hand;
        while let Some(first) = waiting.pop() {
            let worst = waiting.iter().position(|other| first.is_worse_with(*other));
            let any = || waiting.iter().rposition(|other| first.goes_with(*other)).filter(|_| random.random_bool(0.4));
            let second = worst.or_else(any).map(|at| waiting.remove(at));
            steps.push(step(&mut random, first, second));
        }
        let usable: Vec<Fault> = faults.iter().copied().filter(|fault| fault.settings().contains(&setting)).collect();
        // No step is shorter than a second, so these outlast the act.
        for _ in 0..time.as_secs() {
            let first = usable[random.random_range(0..usable.len())];
            let second = usable[random.random_range(0..usable.len())];
            let second = (random.random_bool(0.5) && first.goes_with(second)).then_some(second);
            steps.push(step(&mut random, first, second));
        }
        acts.push(Act { setting, time, steps });
    }
    acts
}

/// The plan of a short campaign: these faults one after the other in the simplest setting, each once.
pub fn short(seed: u64, time: Duration, faults: &[&[Fault]]) -> Vec<Act> {
    let mut random = StdRng::seed_from_u64(seed);
    let steps = faults.iter().filter_map(|faults| Some(step(&mut random, *faults.first()?, faults.get(1).copied()))).collect();
    vec![Act { setting: Setting::Single, time, steps }]
}

fn step(random: &mut impl Rng, first: Fault, second: Option<Fault>) -> Step {
    let mut faults: Vec<Fault> = [Some(first), second].into_iter().flatten().collect();
    // A stage dies while it holds what NATS does not take.
    faults.sort_by_key(|fault| matches!(fault, Fault::Kill(_)));
    let hold = faults.iter().map(|fault| random.random_range(fault.seconds())).max().unwrap_or(1);
    let offset = Duration::from_millis(random.random_range(0..=2_000));
    let faults = faults.into_iter().map(|fault| Injection { fault, wide: random.random_bool(0.35), pick: random.random_range(0..1_000) });
    Step { faults: faults.collect(), offset, hold: Duration::from_secs(hold) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    fn all() -> Vec<Fault> {
        Fault::all().collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(plan(7, TEN_MINUTES, &all()), plan(7, TEN_MINUTES, &all()));
        assert_ne!(plan(7, TEN_MINUTES, &all()), plan(8, TEN_MINUTES, &all()));
    }

    #[test]
    fn every_fault_comes_once_before_any_comes_twice_and_only_where_it_makes_sense() {
        for seed in 0..50 {
            let acts = plan(seed, TEN_MINUTES, &all());
            let mut first = Vec::new();
            for act in &acts {
                let fits = |step: &Step| step.faults.iter().all(|injection| injection.fault.settings().contains(&act.setting));
                assert!(act.steps.iter().all(fits), "{seed}");
                let mut seen = HashSet::new();
                let dealt = act.steps.iter().take_while(|step| step.faults.iter().all(|injection| seen.insert(injection.fault)));
                first.extend(dealt.flat_map(|step| &step.faults).map(|injection| injection.fault));
            }
            assert!(Fault::all().all(|fault| first.contains(&fault)), "{seed}");
        }
    }

    #[test]
    fn pairs_disturb_different_things() {
        for act in plan(3, TEN_MINUTES, &all()) {
            let pairs: Vec<&Step> = act.steps.iter().filter(|step| step.faults.len() == 2).collect();
            assert!(!pairs.is_empty());
            assert!(pairs.iter().all(|step| step.faults[0].fault.goes_with(step.faults[1].fault)));
        }
    }

    #[test]
    fn a_fault_for_one_setting_alone_leaves_out_the_others() {
        let acts = plan(1, TEN_MINUTES, &[Fault::NatsLeaderKill]);
        assert_eq!(acts.iter().map(|act| act.setting).collect::<Vec<_>>(), [Setting::Cluster]);
    }
}
