//! `herald replay`: puts dead letters, or events of a time range, back into a receiver's stream.
//!
//! What is replayed keeps the event's identity; only the message's own id is new, so that JetStream does not take it for a duplicate. A receiver that
//! honours the idempotency key still can.

use anyhow::Context as _;
use clap::Args;
use herald_common::bus::{
    Bus, Message, Outbox, Stream, header,
    inspect::{From, Stored},
};
use herald_router::Decider;
use jiff::Timestamp;

use crate::{
    connect::{ConnectArgs, Connected},
    tail::{Filter, when},
};

#[derive(Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The receiver to deliver to
    #[arg(value_name = "RECEIVER")]
    receiver: String,
    /// Deliver its dead letters; each is removed once it waits for the receiver again
    #[arg(long, conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    dead: bool,
    /// Deliver the events from this time on that the rules give to the receiver: `all`, a time, or how long ago (2h)
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to this time, or how long ago [default: now]
    #[arg(long, value_name = "WHEN", requires = "from")]
    to: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Count what would be delivered, deliver nothing
    #[arg(long)]
    dry_run: bool,
}

/// Headers that speak of the failed delivery, or belong to the stored message alone.
const LEFT_OUT: [&str; 5] = [header::MESSAGE_ID, header::DEAD_REASON, header::DEAD_ATTEMPTS, header::DEAD_FIRST, header::DEAD_LAST];

pub(crate) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let Connected { bus, config, .. } = args.connect.connect().await?;
    let receiver = args.receiver.clone();
    let known: Vec<&str> = config.receivers.iter().map(|receiver| receiver.name.value.as_str()).collect();
    anyhow::ensure!(
        known.is_empty() || known.contains(&receiver.as_str()),
        "no receiver is called {receiver:?}, known are {}",
        known.join(", ")
    );
    let (verb, count) = if args.dead {
        ("dead letters", dead_letters(&bus, &receiver, args.dry_run).await?)
    } else {
        anyhow::ensure!(!known.is_empty(), "a time range is replayed by the rules, name the configuration with --conf");
        let decider = Decider::new(&config, &bus);
        ("events", time_range(&bus, &args, &decider).await?)
    };
    report(&if args.dry_run {
        format!("{count} {verb} would be delivered to {receiver}")
    } else {
        format!("{count} {verb} wait for {receiver} again")
    });
    Ok(())
}

async fn dead_letters(bus: &Bus, receiver: &str, dry_run: bool) -> anyhow::Result<u64> {
    let mut letters = Vec::new();
    bus.read_back(&Stream::Dead, vec![bus.subjects().dead(receiver)], From::Beginning, |stored| letters.push(stored)).await?;
    if dry_run {
        return Ok(letters.len() as u64);
    }
    let mut count = 0;
    for stored in letters {
        let sequence = stored.sequence;
        // The dead letter's sequence in the id makes a second run after a crash harmless.
        bus.publish(message(bus, receiver, stored, &format!("dead/{sequence}"))).await?;
        bus.remove(&Stream::Dead, sequence).await.with_context(|| format!("dead letter {sequence} is delivered but not removed"))?;
        count += 1;
    }
    Ok(count)
}

async fn time_range(bus: &Bus, args: &ReplayArgs, decider: &Decider) -> anyhow::Result<u64> {
    let from = when(args.from.as_deref().unwrap_or("all"))?;
    let to = match args.to.as_deref().map(when).transpose()? {
        Some(From::Time(to)) => to,
        _ => Timestamp::now(),
    };
    let run = Timestamp::now().as_millisecond();
    let mut outbox = Outbox::new(bus.clone(), 256);
    let mut reader = bus.read(&Stream::Enriched, args.filter.subjects(bus), from).await?;
    let mut count = 0;
    // The range may hold nothing at all, and then nothing would ever come.
    while let Ok(next) = tokio::time::timeout(std::time::Duration::from_secs(3), reader.next()).await {
        let Some(stored) = next? else { break };
        if stored.published > to {
            break;
        }
        let last = stored.remaining == 0;
        if decider.delivers(&stored.payload, stored.headers.get(header::CONTENT_TYPE), &args.receiver).unwrap_or(false) {
            count += 1;
            if !args.dry_run {
                if outbox.is_full() {
                    outbox.next().await;
                }
                outbox.publish(message(bus, &args.receiver, stored, &run.to_string()), ()).await.map_err(|((), error)| error)?;
            }
        }
        if last {
            break;
        }
    }
    while outbox.next().await.is_some() {}
    Ok(count)
}

fn message(bus: &Bus, receiver: &str, stored: Stored, run: &str) -> Message {
    let identity = stored.headers.get(header::IDENTITY).or_else(|| stored.headers.get(header::MESSAGE_ID)).unwrap_or_default().to_owned();
    let mut headers = stored.headers.without(&LEFT_OUT);
    headers.set(header::IDENTITY, &identity);
    Message {
        stream: Stream::Out(receiver.into()),
        subject: bus.subjects().out(receiver),
        id: format!("{identity}/{receiver}/replay/{run}"),
        headers,
        payload: stored.payload,
    }
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn report(text: &str) {
    println!("{text}");
}
