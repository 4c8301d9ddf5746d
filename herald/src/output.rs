//! Printing events: one line each for people, coloured on a terminal, or their JSON; a terminal is shown control characters instead of sent them.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use herald_common::{
    event::EnrichedEvent,
    text::{json_line, one_line},
};

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line for people
    Pretty,
    /// One JSON object a line, as receivers get it
    Json,
}

/// Prints events on standard output.
pub(crate) struct Printer {
    format: Format,
    terminal: bool,
    colours: bool,
}

const RED: &str = "31";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "2";

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { format, terminal, colours: terminal && herald_common::env::var("NO_COLOR").is_none() }
    }

    /// Prints an event given as its JSON. `false` means that nobody reads any more.
    pub(crate) fn print(&self, payload: &[u8]) -> bool {
        let line = match self.format {
            Format::Json if self.terminal => json_line(&String::from_utf8_lossy(payload)).into_owned(),
            Format::Json => String::from_utf8_lossy(payload).into_owned(),
            Format::Pretty => match serde_json::from_slice::<EnrichedEvent>(payload) {
                Ok(event) => self.pretty(&event),
                Err(error) => format!("not an event: {}", one_line(&error.to_string())),
            },
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
    }

    /// `time  type  reason  kind namespace/name  message  ×count  deleted  owner`
    fn pretty(&self, enriched: &EnrichedEvent) -> String {
        let EnrichedEvent { event, cluster_name, object } = enriched;
        let reference = &event.involved_object;
        let time = event.happened().map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
        let name =
            if reference.namespace.is_empty() { reference.name.clone() } else { format!("{}/{}", reference.namespace, reference.name) };
        let type_colour = if event.type_ == "Warning" { YELLOW } else { DIM };
        let mut line = format!(
            "{} {} {} {} {}",
            self.paint(DIM, &time),
            self.paint(type_colour, &format!("{:<7}", one_line(&event.type_))),
            self.paint(CYAN, &format!("{:<20}", one_line(&event.reason))),
            one_line(&format!("{} {name}", reference.kind)),
            self.paint(DIM, "·"),
        );
        line.push_str(&format!(" {}", one_line(&event.message)));
        let count = event.series.as_ref().map_or(event.count, |series| series.count.max(event.count));
        if count > 1 {
            line.push_str(&self.paint(YELLOW, &format!(" ×{count}")));
        }
        if object.deleted {
            line.push_str(&self.paint(RED, " deleted"));
        }
        if let Some(owner) = object.owner_references.first() {
            line.push_str(&self.paint(DIM, &one_line(&format!(" of {} {}", owner.kind, owner.name))));
        }
        if !cluster_name.is_empty() {
            line.push_str(&self.paint(DIM, &one_line(&format!(" [{cluster_name}]"))));
        }
        line
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_message_stays_one_harmless_line() {
        let printer = Printer { format: Format::Pretty, terminal: false, colours: false };
        let event: EnrichedEvent = serde_json::from_str(
            r#"{"metadata":{},"reason":"BackOff","message":"a\nb\u001b[2J","lastTimestamp":"2024-03-01T00:14:03Z","count":7,"type":"Warning","clusterName":"prod","involvedObject":{"kind":"Pod","namespace":"shop","name":"x","ownerReferences":[{"kind":"ReplicaSet","name":"r"}],"deleted":true}}"#,
        )
        .expect("an event");
        assert_eq!(
            printer.pretty(&event),
            "2024-03-01 00:14:03 Warning BackOff              Pod shop/x · a\\nb\\u{1b}[2J ×7 deleted of ReplicaSet r [prod]"
        );
    }
}
