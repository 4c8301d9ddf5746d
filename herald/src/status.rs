//! `herald status`: what the streams hold and how far their consumers are.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use herald_common::{
    bus::{Bus, Stream, inspect::StreamState},
    text::one_line,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::connect::{ConnectArgs, Connected};

#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// How long to watch for the rates, in seconds
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    interval: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// The whole state; its JSON is what `-o json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    streams: Vec<StreamStatus>,
    consumers: Vec<ConsumerStatus>,
    /// Dead letters by receiver.
    dead_letters: BTreeMap<String, u64>,
    /// Gap markers kept.
    gap_markers: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamStatus {
    name: String,
    subjects: Vec<String>,
    messages: u64,
    bytes: u64,
    /// -1 for no limit.
    max_bytes: i64,
    /// Age of the oldest message in seconds.
    oldest_seconds: Option<i64>,
    /// Messages taken a second.
    rate: f64,
    replicas: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsumerStatus {
    stream: String,
    name: String,
    /// Messages not handed out yet.
    pending: u64,
    /// Messages handed out and not acknowledged.
    ack_pending: u64,
    /// Messages acknowledged a second, as far as the lowest unacknowledged one tells.
    rate: f64,
}

pub(crate) async fn run(args: StatusArgs) -> anyhow::Result<()> {
    let Connected { bus, .. } = args.connect.connect().await?;
    let interval = Duration::try_from_secs_f64(args.interval.max(0.1))?;
    let before = bus.stream_states().await?;
    tokio::time::sleep(interval).await;
    let status = Status::between(&before, bus.stream_states().await?, interval, &bus).await?;
    match args.output {
        Format::Json => print(&serde_json::to_string_pretty(&status)?),
        Format::Table => print(&status.table()),
    }
    Ok(())
}

impl Status {
    async fn between(before: &[StreamState], now: Vec<StreamState>, interval: Duration, bus: &Bus) -> anyhow::Result<Self> {
        let rate = |old: u64, new: u64| (new.saturating_sub(old)) as f64 / interval.as_secs_f64();
        let mut status = Self { streams: Vec::new(), consumers: Vec::new(), dead_letters: BTreeMap::new(), gap_markers: 0 };
        for stream in now.into_iter().filter(|stream| !stream.name.starts_with("KV_")) {
            let old = before.iter().find(|old| old.name == stream.name);
            for (name, state) in &stream.consumers {
                let floor =
                    old.and_then(|old| old.consumers.iter().find(|(old, _)| old == name)).map_or(state.ack_floor, |(_, old)| old.ack_floor);
                status.consumers.push(ConsumerStatus {
                    stream: stream.name.clone(),
                    name: name.clone(),
                    pending: state.pending,
                    ack_pending: state.ack_pending,
                    rate: rate(floor, state.ack_floor),
                });
            }
            status.streams.push(StreamStatus {
                rate: rate(old.map_or(stream.last_sequence, |old| old.last_sequence), stream.last_sequence),
                oldest_seconds: stream.oldest.map(|oldest| Timestamp::now().duration_since(oldest).as_secs()),
                name: stream.name,
                subjects: stream.subjects,
                messages: stream.messages,
                bytes: stream.bytes,
                max_bytes: stream.max_bytes,
                replicas: stream.replicas,
            });
        }
        for (subject, count) in bus.subject_counts(&Stream::Dead).await? {
            let receiver = subject.rsplit('.').next().unwrap_or_default().to_owned();
            *status.dead_letters.entry(receiver).or_default() += count;
        }
        status.gap_markers = bus.subject_counts(&Stream::Gap).await?.values().sum();
        Ok(status)
    }

    fn table(&self) -> String {
        let mut streams = table(&["STREAM", "MESSAGES", "BYTES", "OF", "OLDEST", "IN/S", "COPIES"]);
        for stream in &self.streams {
            streams.add_row([
                one_line(&stream.name).into_owned(),
                stream.messages.to_string(),
                bytes(stream.bytes),
                u64::try_from(stream.max_bytes).map_or_else(|_| "no limit".to_owned(), bytes),
                stream.oldest_seconds.map_or_else(|| "-".to_owned(), age),
                format!("{:.1}", stream.rate),
                stream.replicas.to_string(),
            ]);
        }
        let mut consumers = table(&["CONSUMER", "WAITING", "IN HAND", "DONE/S"]);
        for consumer in &self.consumers {
            consumers.add_row([
                one_line(&format!("{} of {}", consumer.name, consumer.stream)).into_owned(),
                consumer.pending.to_string(),
                consumer.ack_pending.to_string(),
                format!("{:.1}", consumer.rate),
            ]);
        }
        let mut text = if self.streams.is_empty() {
            "no streams: no stage has run on this NATS yet, or nats.prefix differs".to_owned()
        } else {
            streams.to_string()
        };
        if !self.consumers.is_empty() {
            text.push_str(&format!("\n\n{consumers}"));
        }
        for (receiver, count) in &self.dead_letters {
            let receiver = one_line(receiver);
            text.push_str(&format!("\n\n{count} dead letters of {receiver}: `herald replay {receiver} --dead` delivers them again"));
        }
        if self.gap_markers > 0 {
            text.push_str(&format!(
                "\n\n{} gap markers: places where events may be missing, read them on the subjects below gap",
                self.gap_markers
            ));
        }
        text
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print(text: &str) {
    println!("{text}");
}

fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1_024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1_024.0;
    }
    format!("{value:.1} TiB")
}

fn age(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
