//! `herald tail`: reads the enriched subjects without consuming them.

use clap::Args;
use herald_common::{
    bus::{
        Bus, Stream, header,
        inspect::{From, Stored},
    },
    config::{Encoding, Period},
    event::{self, EnrichedEvent},
    subjects::token,
};
use jiff::Timestamp;

use crate::{
    connect::{ConnectArgs, Connected},
    output::{Format, Printer},
};

#[derive(Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Where to start: `now`, `all` that is kept, a time (2026-01-31T12:00:00Z), or how long ago (15m)
    #[arg(long, default_value = "now", value_name = "WHEN")]
    from: String,
    /// End with the last event there now, instead of waiting for more
    #[arg(long)]
    no_follow: bool,
    /// How events are printed
    #[arg(short, long, value_enum, default_value_t = Format::Pretty)]
    output: Format,
}

/// Which events; each takes several values separated by commas.
#[derive(Args, Clone, Default)]
pub(crate) struct Filter {
    /// Only of these clusters
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    cluster: Vec<String>,
    /// Only about objects in these namespaces (`_`: cluster-scoped)
    #[arg(short, long, value_delimiter = ',', value_name = "NAME")]
    namespace: Vec<String>,
    /// Only about objects of these kinds, for example Pod
    #[arg(short, long, value_delimiter = ',', value_name = "KIND")]
    kind: Vec<String>,
    /// Only with these reasons, for example BackOff
    #[arg(short, long, value_delimiter = ',', value_name = "REASON")]
    reason: Vec<String>,
    /// Only of these types: Normal, Warning
    #[arg(short = 't', long = "type", value_delimiter = ',', value_name = "TYPE")]
    type_: Vec<String>,
}

impl Filter {
    /// The subjects that the filter lets through, one for each combination.
    pub(crate) fn subjects(&self, bus: &Bus) -> Vec<String> {
        let mut subjects = vec![bus.subjects().all("enriched").trim_end_matches(".>").to_owned()];
        for values in [&self.cluster, &self.type_, &self.namespace, &self.kind, &self.reason] {
            let tokens: Vec<String> =
                if values.is_empty() { vec!["*".to_owned()] } else { values.iter().map(|value| token(value)).collect() };
            subjects = subjects.iter().flat_map(|subject| tokens.iter().map(move |token| format!("{subject}.{token}"))).collect();
        }
        subjects.sort();
        subjects.dedup();
        subjects
    }
}

/// Reads `now`, `all`, a time, or how long ago.
pub(crate) fn when(text: &str) -> anyhow::Result<From> {
    match text {
        "now" => return Ok(From::Now),
        "all" => return Ok(From::Beginning),
        _ => {}
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(From::Time(time));
    }
    let ago: Period = text.parse().map_err(|_| {
        anyhow::anyhow!("{text:?} is no time; give now, all, a time such as 2026-01-31T12:00:00Z, or how long ago, such as 15m")
    })?;
    Ok(From::Time(Timestamp::now() - jiff::SignedDuration::try_from(ago.0)?))
}

/// An enriched message's event as JSON, whatever its encoding.
pub(crate) fn json(stored: &Stored) -> Vec<u8> {
    let packed = stored.headers.get(header::CONTENT_TYPE) == Some(Encoding::MessagePack.content_type());
    let unpacked = packed.then(|| event::decode_enriched(&stored.payload, stored.headers.get(header::CONTENT_TYPE)).ok()).flatten();
    unpacked.and_then(|event: EnrichedEvent| event::to_go_json(&event).ok()).unwrap_or_else(|| stored.payload.to_vec())
}

pub(crate) async fn run(args: TailArgs) -> anyhow::Result<()> {
    let Connected { bus, stop, .. } = args.connect.connect().await?;
    let (filters, from) = (args.filter.subjects(&bus), when(&args.from)?);
    let printer = Printer::new(args.output);
    if args.no_follow {
        bus.read_back(&Stream::Enriched, filters, from, |stored| {
            printer.print(&json(&stored));
        })
        .await?;
        return Ok(());
    }
    follow(&bus, filters, from, &printer, &stop).await
}

/// Prints events until stopped, or until nobody reads the output.
pub(crate) async fn follow(
    bus: &Bus,
    filters: Vec<String>,
    from: From,
    printer: &Printer,
    stop: &herald_common::CancellationToken,
) -> anyhow::Result<()> {
    let mut reader = bus.read(&Stream::Enriched, filters, from).await?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            stored = reader.next() => match stored? {
                Some(stored) if printer.print(&json(&stored)) => {}
                _ => return Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_ago() {
        assert_eq!(when("now").expect("a time"), From::Now);
        assert_eq!(when("all").expect("a time"), From::Beginning);
        assert_eq!(when("2026-01-31T12:00:00Z").expect("a time"), From::Time("2026-01-31T12:00:00Z".parse().expect("a time")));
        assert!(matches!(when("15m").expect("a time"), From::Time(time) if time < Timestamp::now()));
        assert!(when("yesterday").expect_err("no time").to_string().contains("15m"));
    }
}
