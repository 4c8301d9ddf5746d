//! A campaign against Herald's binaries: events flow, faults come and go, and every event has to be accounted for.
//!
//! ```text
//! plan ─▶ act by act: world (servers, stages, receivers, lines between them) ◀─ flow (events)
//!            step by step: inject, hold, end, wait for recovery          book ◀─ receivers, file, streams (observe)
//!         ─▶ ledger: delivered, dead letter, named by a gap marker, or lost ─▶ report
//! ```
//!
//! In go a seed, a time and the binaries; out comes a [`Report`]. The same seed gives the same faults in the same order; how long recovery takes is the machine's.
//! The campaign never helps a stage beyond what a person or Kubernetes would do: restart what was killed. Its memory is bounded by rate and time.

mod book;
mod flow;
mod inject;
mod mounts;
mod observe;
mod oddities;
mod stalls;
mod world;

pub mod ledger;
pub mod plan;
pub mod proxy;
pub mod report;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;

pub use self::world::Binaries;
use self::{
    flow::Flow,
    mounts::Mounts,
    plan::{Act, Fault, Part, Step},
    report::{Report, StepResult, names},
    world::World,
};

/// How long the pipeline may take to recover from a step.
const RECOVERS_WITHIN: Duration = Duration::from_secs(120);
/// At the end, how long nothing at all may become accounted for before what is open counts as lost.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);
/// After everything is accounted for, how long is looked for duplicates.
const AFTERMATH: Duration = Duration::from_secs(2);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);

/// What a campaign is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Events a second.
    pub rate: f64,
    /// The programs under test.
    pub binaries: Binaries,
    /// Whether a mount namespace is used where it is permitted.
    pub mounts: bool,
}

/// Carries out a plan; `say` is told of its progress.
///
/// # Errors
/// When the servers or the stages cannot be started at all.
pub async fn run(acts: &[Act], options: &Options, say: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    ensure!(options.rate > 0.0 && options.rate <= 1_000.0, "{} events a second is out of the question, take 1 to 1000", options.rate);
    world::check(&options.binaries)?;
    let begun = Instant::now();
    let mut report = Report { seed: options.seed, ..Report::default() };
    for (number, act) in (1..).zip(acts) {
        say(&format!("act {number}: {}", act.setting));
        play(number, act, options, &mut report, say).await?;
    }
    report.took = begun.elapsed();
    Ok(report)
}

async fn play(number: u32, act: &Act, options: &Options, report: &mut Report, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let mounts = mounts(options, report).await;
    let mut world = World::start(act.setting, number, &options.binaries, mounts).await?;
    let flow = Flow::start(world.api.clone(), world.book.clone(), number, options.seed.wrapping_add(u64::from(number)), options.rate)?;
    let begun = Instant::now();
    let calm = Step { faults: Vec::new(), offset: Duration::ZERO, hold: Duration::from_secs(1) };
    let mut results: Vec<StepResult> = Vec::new();
    for step in std::iter::once(&calm).chain(&act.steps) {
        if begun.elapsed() >= act.time {
            break;
        }
        world.book.begin(u32::try_from(results.len()).unwrap_or(u32::MAX));
        let mut result = take(&mut world, &flow, act, step).await;
        result.stall = world.book.stall();
        let after =
            result.recovered.map_or_else(|| "NOT RECOVERED".to_owned(), |after| format!("recovered after {:.1} s", after.as_secs_f64()));
        let marks: String = result.problems.iter().map(|problem| format!("\n  PROBLEM: {problem}")).collect();
        let (second, stall) = (begun.elapsed().as_secs(), result.stall.as_secs_f64());
        say(&format!("{second:>4} s  {}: longest stall {stall:.1} s, {after}{marks}", describe(step)));
        let is_lost = result.recovered.is_none();
        results.push(result);
        if is_lost {
            // What comes now would only be blamed on the wrong fault.
            break;
        }
    }
    if let Err(error) = flow.stop().await {
        report.problems.push(format!("the event source: {error:#}"));
    }
    settle(&world, say).await;
    let account = world.book.ledger(|ledger| ledger.balance());
    let total = account.total();
    say(&format!("act {number} is over: {} events, {} lost, {} duplicated", total.made, total.lost, total.duplicated));
    report.add(results, account);
    Ok(())
}

async fn mounts(options: &Options, report: &mut Report) -> Option<Mounts> {
    let made = if options.mounts { Mounts::try_new(world::DISK).await } else { Err(anyhow::anyhow!("not wanted")) };
    match made {
        Ok(mounts) => Some(mounts),
        Err(error) => {
            let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
            let (disk, name) = (Fault::NatsDiskFull, Fault::HookUnresolved);
            let said = format!("without mounts of its own ({first}), {disk:?} uses max_file_store up and {name:?} reloads to a bad name");
            if !report.substitutes.contains(&said) {
                report.substitutes.push(said);
            }
            None
        }
    }
}

fn describe(step: &Step) -> String {
    let wide = if step.faults.iter().any(|injection| injection.wide) { " (wide)" } else { "" };
    let faults: Vec<Fault> = step.faults.iter().map(|injection| injection.fault).collect();
    format!("{}{wide}, {} s", names(&faults), step.hold.as_secs())
}

/// Takes a step: its faults begin, last and end; then the pipeline has to recover.
async fn take(world: &mut World, flow: &Flow, act: &Act, step: &Step) -> StepResult {
    let mut problems = Vec::new();
    for (at, injection) in step.faults.iter().enumerate() {
        if at > 0 {
            tokio::time::sleep(step.offset).await;
        }
        if let Err(error) = inject::begin(world, flow, *injection).await {
            problems.push(format!("{}: {error:#}", injection.fault));
        }
    }
    tokio::time::sleep(step.hold).await;
    for injection in &step.faults {
        if let Err(error) = inject::end(world, flow, *injection).await {
            problems.push(format!("ending {}: {error:#}", injection.fault));
        }
    }
    let recovered = recover(world, &mut problems).await;
    let faults = step.faults.iter().map(|injection| injection.fault).collect();
    StepResult { setting: act.setting, faults, tally: ledger::Tally::default(), stall: Duration::ZERO, recovered, problems }
}

/// Waits until every stage is ready and every receiver has got an event made from now on; returns how long that took.
async fn recover(world: &mut World, problems: &mut Vec<String>) -> Option<Duration> {
    let begun = Instant::now();
    let mark = world.book.ledger(|ledger| ledger.len());
    let mut is_ready = false;
    while begun.elapsed() < RECOVERS_WITHIN {
        restart_ended(world, problems);
        if !is_ready {
            let left = RECOVERS_WITHIN.saturating_sub(begun.elapsed());
            let ready = try_join_all(world.replicas.iter().map(world::Replica::ready));
            is_ready = matches!(tokio::time::timeout(left, ready).await, Ok(Ok(_)));
        }
        if is_ready && world.book.ledger(|ledger| ledger.reached(mark)) {
            return Some(begun.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    let behind = world.book.ledger(|ledger| ledger.behind(mark).join(", "));
    problems.push(format!("not recovered within {RECOVERS_WITHIN:?}: ready: {is_ready}, nothing new at: {behind}"));
    None
}

/// Starts what ended by itself, as Kubernetes does. That it did is a problem.
fn restart_ended(world: &mut World, problems: &mut Vec<String>) {
    for replica in &mut world.replicas {
        if let Some(said) = replica.ended() {
            problems.push(said);
            if let Err(error) = replica.restart() {
                problems.push(format!("{error:#}"));
            }
        }
    }
}

/// Waits until everything is accounted for, as long as more of it becomes so.
async fn settle(world: &World, say: &(dyn Fn(&str) + Sync)) {
    let (mut open, mut since) = (u64::MAX, Instant::now());
    loop {
        let now = world.book.ledger(|ledger| ledger.open());
        if now != open {
            (open, since) = (now, Instant::now());
        }
        if open == 0 {
            break;
        }
        if since.elapsed() > SETTLES_WITHIN {
            say(&format!("{open} events are not accounted for, and nothing has changed for {} s", SETTLES_WITHIN.as_secs()));
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(AFTERMATH).await;
}

/// The faults of the short campaign that `make test` runs.
pub const SHORT: [&[Fault]; 6] = [
    &[Fault::Kill(Part::Router), Fault::HookThrottled],
    &[Fault::NatsKill],
    &[Fault::ApiExpired, Fault::Terminate(Part::Sinks)],
    &[Fault::AbsurdNames, Fault::Kill(Part::Enricher)],
    &[Fault::Huge],
    &[Fault::ApiCompaction],
];
