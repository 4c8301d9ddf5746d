//! Beginning and ending faults in a world.
//!
//! [`begin`] and [`end`] are each other's mirror: the same injection chooses the same victims both times. What a person would have to do after a fault (free a
//! full disk, start what was killed) is done by [`end`]; everything else the stages must do by themselves.

mod disk;
mod upgrade;

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;

use super::{
    flow::Flow,
    oddities::{Oddity, REFUSE_ME},
    plan::{Fault, Injection, Line, Part},
    proxy::State,
    world::{Replica, World, out_stream},
};
use crate::{
    apiserver::{Fault as ApiFault, Trouble, WatchTrouble},
    receiver::{Answer, Rule},
};

/// How late a slow receiver answers.
const LATE: Duration = Duration::from_secs(30);

/// Events in the burst in whose midst a stage is killed, and within how many milliseconds it passes, about.
const BURST: u32 = 300;
const MIDST: u64 = 500;

/// Begins a fault.
///
/// # Errors
/// When it cannot be begun, or a stage does not do what it was asked to as part of it.
pub(super) async fn begin(world: &mut World, flow: &Flow, injection: Injection) -> Result<()> {
    let Injection { fault, wide, pick } = injection;
    match fault {
        Fault::Kill(part) => {
            // A process is killed at its worst moment when it has its hands full.
            flow.burst(BURST);
            tokio::time::sleep(Duration::from_millis(u64::from(pick) % MIDST)).await;
            victims(world, part, injection).for_each(Replica::kill);
        }
        Fault::Pause(part) => victims(world, part, injection).try_for_each(|replica| replica.pause())?,
        Fault::Terminate(part) => {
            let ends = victims(world, part, injection).map(Replica::terminate);
            join_all(ends).await.into_iter().collect::<Result<()>>()?;
        }
        Fault::NatsKill | Fault::NatsLeaderKill => {
            let servers = doomed_servers(world, injection).await;
            servers.iter().for_each(|&number| world.nats.server(number).kill());
            world.dead_servers = servers;
        }
        Fault::NatsPause => world.nats.server(pick as usize).process().pause()?,
        Fault::NatsDiskFull => disk::fill(world).await?,
        Fault::NatsLine(line) => lines(world, injection).for_each(|replica| replica.set_nats(state(line, pick))),
        Fault::ApiLine(line) => api_lines(world, injection).for_each(|replica| replica.set_api(state(line, pick))),
        Fault::ApiGone => refuse(world, ApiFault::status("watch", "events", 410).times(1)),
        Fault::ApiExpired => world.api.disturb_watches("events", WatchTrouble::Expired),
        Fault::ApiThrottled => refuse(world, often(ApiFault::status("*", "*", 429), wide)),
        Fault::ApiThrottledFor => refuse(world, often(ApiFault::status("*", "*", 429).retry_after(Duration::from_secs(2)), wide)),
        Fault::ApiBroken => refuse(world, often(ApiFault::status("*", "*", 500), wide)),
        Fault::ApiHangs => refuse(world, ApiFault::new("*", "*", Trouble::Hang)),
        Fault::LookupHangs => world.api.fault(ApiFault::new("get", "*", Trouble::Hang)),
        Fault::WatchSilent => world.api.disturb_watches("events", WatchTrouble::Silent),
        Fault::WatchCut => world.api.disturb_watches("events", WatchTrouble::Cut),
        Fault::ApiRestart => world.api.stop().await,
        Fault::ApiCompaction => world.of(Part::Watcher).for_each(Replica::kill),
        Fault::ClockAhead => flow.set_odd(Some(Oddity::Ahead)),
        Fault::ClockBehind => flow.set_odd(Some(Oddity::Behind)),
        Fault::AbsurdTimes => flow.set_odd(Some(Oddity::Timeless)),
        Fault::Huge => flow.set_odd(Some(Oddity::Huge)),
        Fault::InvalidUtf8 => flow.set_odd(Some(Oddity::Invalid)),
        Fault::AbsurdNames => flow.set_odd(Some(Oddity::Named)),
        Fault::Recreated => flow.set_odd(Some(Oddity::Recreated)),
        Fault::HookBroken => world.hook.rule(Rule::new(Answer::Status(500))),
        Fault::HookThrottled if wide => world.hook.rule(Rule::new(Answer::RetryAfter(429, 2))),
        Fault::HookThrottled => world.hook.rule(Rule::new(Answer::Status(429))),
        // One gives up waiting before the answer comes, the other waits for it.
        Fault::HookSlow if wide => world.tls.rule(Rule::new(Answer::Delay(LATE))),
        Fault::HookSlow => world.hook.rule(Rule::new(Answer::Delay(LATE))),
        Fault::HookReset => {
            world.hook.rule(Rule::new(Answer::CutWithin).times(20));
            world.hook.rule(Rule::new(Answer::Cut));
        }
        Fault::HookGarbage => world.hook.rule(Rule::new(Answer::Garbage)),
        Fault::HookRefuses => {
            world.hook.rule(Rule::new(Answer::Status(400)).containing(REFUSE_ME));
            flow.set_odd(Some(Oddity::Refused));
        }
        Fault::HookUnresolved => {
            world.resolve_hook(false)?;
            // A connection that stands needs no name.
            world.hook.stop().await;
            world.hook.start_again().await?;
        }
        Fault::TlsExpired => {
            let expired = world.certificates[1].clone();
            world.tls.present(&expired).await?;
        }
        Fault::OutLimit => {
            world.small.stop().await;
            flow.set_odd(Some(Oddity::Fat));
        }
        Fault::Partition => partition(world, pick, State::Silent),
        Fault::Reload => {
            world.reload(true)?;
            if wide {
                world.replicas.iter().try_for_each(Replica::hang_up)?;
            }
        }
        Fault::BadReload => world.write_conf("receivers: [{name: hook, webhook: {endpoint: 7}}]\nroute: [not a tree\n")?,
        Fault::Upgrade => upgrade::roll(world).await?,
    }
    Ok(())
}

/// Ends a fault.
///
/// # Errors
/// When what it took away cannot be given back.
pub(super) async fn end(world: &mut World, flow: &Flow, injection: Injection) -> Result<()> {
    let Injection { fault, pick, .. } = injection;
    match fault {
        Fault::Kill(part) | Fault::Terminate(part) => victims(world, part, injection).try_for_each(Replica::restart)?,
        Fault::Pause(part) => victims(world, part, injection).try_for_each(|replica| replica.resume())?,
        Fault::NatsKill | Fault::NatsLeaderKill => {
            let servers = std::mem::take(&mut world.dead_servers);
            world.nats.restart(&servers).await.context("nats-server did not come back")?;
        }
        Fault::NatsPause => world.nats.server(pick as usize).process().resume()?,
        Fault::NatsDiskFull => disk::free(world).await?,
        Fault::NatsLine(_) => lines(world, injection).for_each(|replica| replica.set_nats(State::Whole)),
        Fault::ApiLine(_) => api_lines(world, injection).for_each(|replica| replica.set_api(State::Whole)),
        Fault::ApiGone | Fault::ApiThrottled | Fault::ApiThrottledFor | Fault::ApiBroken | Fault::ApiHangs | Fault::LookupHangs => {
            world.api.clear_faults();
        }
        Fault::ApiExpired | Fault::WatchSilent | Fault::WatchCut | Fault::Upgrade => {}
        Fault::ApiRestart => world.api.start_again().await?,
        Fault::ApiCompaction => {
            world.api.compact();
            world.of(Part::Watcher).try_for_each(Replica::restart)?;
        }
        Fault::ClockAhead
        | Fault::ClockBehind
        | Fault::AbsurdTimes
        | Fault::Huge
        | Fault::InvalidUtf8
        | Fault::AbsurdNames
        | Fault::Recreated => flow.set_odd(None),
        Fault::HookRefuses => {
            flow.set_odd(None);
            world.hook.clear_rules();
        }
        Fault::HookBroken | Fault::HookThrottled | Fault::HookReset | Fault::HookGarbage => world.hook.clear_rules(),
        Fault::HookSlow => {
            world.hook.clear_rules();
            world.tls.clear_rules();
        }
        Fault::HookUnresolved => world.resolve_hook(true)?,
        Fault::TlsExpired => {
            let good = world.certificates[0].clone();
            world.tls.present(&good).await?;
        }
        Fault::OutLimit => {
            flow.set_odd(None);
            world.small.start_again().await?;
        }
        Fault::Partition => partition(world, pick, State::Whole),
        Fault::Reload => world.reload(false)?,
        Fault::BadReload => world.write_conf(&world.usual_conf())?,
    }
    Ok(())
}

/// All replicas of a stage, or the chosen one.
fn victims(world: &mut World, part: Part, Injection { wide, pick, .. }: Injection) -> impl Iterator<Item = &mut Replica> {
    let number = world.of(part).count().max(1);
    let chosen = pick as usize % number;
    world.of(part).enumerate().filter(move |(at, _)| wide || *at == chosen).map(|(_, replica)| replica)
}

/// The replicas of all stages, or of the chosen one.
fn lines(world: &mut World, Injection { wide, pick, .. }: Injection) -> impl Iterator<Item = &mut Replica> {
    let chosen = Part::ALL[pick as usize % Part::ALL.len()];
    world.replicas.iter_mut().filter(move |replica| wide || replica.part == chosen)
}

/// Of the stages that talk to the API server, both or the chosen one.
fn api_lines(world: &mut World, Injection { wide, pick, .. }: Injection) -> impl Iterator<Item = &mut Replica> {
    let chosen = [Part::Watcher, Part::Enricher][pick as usize % 2];
    world.replicas.iter_mut().filter(move |replica| wide || replica.part == chosen)
}

fn state(line: Line, pick: u32) -> State {
    match line {
        Line::Cut => State::Cut,
        Line::Slow => State::Slow(Duration::from_millis(u64::from(50 + pick % 250))),
        Line::HalfOpen => [State::Silent, State::Deaf, State::Mute][pick as usize % 3],
    }
}

/// Requests meet this, and the watches, which would need none for a while, end.
fn refuse(world: &World, fault: ApiFault) {
    world.api.fault(fault);
    world.api.disturb_watches("events", WatchTrouble::Close);
}

/// Every request meets it, or every other one.
fn often(fault: ApiFault, always: bool) -> ApiFault {
    if always { fault } else { fault.probability(0.5) }
}

/// Cuts one of two watchers off: from the API server, from NATS, or from both.
fn partition(world: &mut World, pick: u32, state: State) {
    let chosen = pick as usize % 2;
    if let Some(watcher) = world.of(Part::Watcher).nth(chosen) {
        let which = pick / 2 % 3;
        if which != 1 {
            watcher.set_api(state);
        }
        if which != 0 {
            watcher.set_nats(state);
        }
    }
}

/// The servers to kill: the leader of a stream, the chosen one, or all.
async fn doomed_servers(world: &World, Injection { fault, wide, pick }: Injection) -> Vec<usize> {
    if fault == Fault::NatsLeaderKill {
        let streams = ["HERALD_RAW".to_owned(), "HERALD_ENRICHED".to_owned(), out_stream("hook")];
        let leader = world.observer.leader(&streams[pick as usize % streams.len()]).await.unwrap_or_default();
        return vec![world.nats.number_of(&leader).unwrap_or(0)];
    }
    let number = world.nats.number();
    if wide { (0..number).collect() } else { vec![pick as usize % number] }
}
