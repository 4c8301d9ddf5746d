//! Names on NATS: every subject, stream and bucket name is made here and nowhere else.
//!
//! In go cluster, namespace, kind, reason, type and receiver names as users and clusters have them; out come tokens NATS accepts. A token never
//! contains `.`, `*`, `>`, white space or control characters, is never empty and never longer than [`MAX_TOKEN_BYTES`].

use std::fmt::Write as _;

/// Longest token in bytes; anything beyond is cut, because nats-server limits a whole control line to 4 KiB.
pub const MAX_TOKEN_BYTES: usize = 128;

/// Returns `text` as one subject token.
#[must_use]
pub fn token(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TOKEN_BYTES));
    push_token(&mut out, text);
    out
}

fn push_token(out: &mut String, text: &str) {
    let start = out.len();
    for character in text.chars() {
        let safe = match character {
            '.' | '*' | '>' => '_',
            c if c.is_whitespace() || c.is_control() => '_',
            c => c,
        };
        if out.len() - start + safe.len_utf8() > MAX_TOKEN_BYTES {
            break;
        }
        out.push(safe);
    }
    if out.len() == start {
        out.push('_');
    }
}

/// Returns `name` as part of a stream, consumer or bucket name: ASCII letters, digits, `-` and `_`.
#[must_use]
pub fn name_part(name: &str) -> String {
    let part: String = name.chars().take(MAX_TOKEN_BYTES).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if part.is_empty() { "_".to_owned() } else { part }
}

/// The subjects and names below one prefix (`herald` unless `nats.prefix` says otherwise).
#[derive(Clone, Debug)]
pub struct Subjects {
    prefix: String,
    names: String,
}

impl Subjects {
    /// Makes the subjects below `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), names: name_part(prefix).to_ascii_uppercase() }
    }

    /// `<prefix>.raw.<cluster>.<namespace>.<kind>.<reason>`
    #[must_use]
    pub fn raw(&self, cluster: &str, namespace: &str, kind: &str, reason: &str) -> String {
        self.join("raw", &[cluster, namespace, kind, reason])
    }

    /// `<prefix>.enriched.<cluster>.<type>.<namespace>.<kind>.<reason>`
    #[must_use]
    pub fn enriched(&self, cluster: &str, type_: &str, namespace: &str, kind: &str, reason: &str) -> String {
        self.join("enriched", &[cluster, type_, namespace, kind, reason])
    }

    /// `<prefix>.out.<receiver>`
    #[must_use]
    pub fn out(&self, receiver: &str) -> String {
        self.join("out", &[receiver])
    }

    /// `<prefix>.dead.<receiver>`
    #[must_use]
    pub fn dead(&self, receiver: &str) -> String {
        self.join("dead", &[receiver])
    }

    /// `<prefix>.gap.<cluster>`
    #[must_use]
    pub fn gap(&self, cluster: &str) -> String {
        self.join("gap", &[cluster])
    }

    /// Everything below `<prefix>.<stage>`, for example `herald.raw.>`.
    #[must_use]
    pub fn all(&self, stage: &str) -> String {
        format!("{}.{stage}.>", self.prefix)
    }

    /// Every raw event of one cluster.
    #[must_use]
    pub fn raw_of(&self, cluster: &str) -> String {
        format!("{}.raw.{}.>", self.prefix, token(cluster))
    }

    /// Every raw event of one namespace (of the involved object) of a cluster.
    #[must_use]
    pub fn raw_of_namespace(&self, cluster: &str, namespace: &str) -> String {
        format!("{}.raw.{}.{}.>", self.prefix, token(cluster), token(namespace))
    }

    /// A stream's or bucket's name, for example `HERALD_RAW`.
    #[must_use]
    pub fn name(&self, suffix: &str) -> String {
        format!("{}_{suffix}", self.names)
    }

    /// The name of a receiver's stream, for example `HERALD_OUT_slack`.
    #[must_use]
    pub fn out_name(&self, receiver: &str) -> String {
        format!("{}_OUT_{}", self.names, name_part(receiver))
    }

    /// Where a user (or a stage that has none) gets its answers, for example `_INBOX.herald.router`: its own, so that NATS can keep others from reading them.
    #[must_use]
    pub fn inbox(&self, user: &str) -> String {
        format!("_INBOX.{}.{}", self.prefix, token(user))
    }

    fn join(&self, stage: &str, tokens: &[&str]) -> String {
        let mut subject = String::with_capacity(96);
        // Writing to a String cannot fail.
        let _ = write!(subject, "{}.{stage}", self.prefix);
        for text in tokens {
            subject.push('.');
            push_token(&mut subject, text);
        }
        subject
    }
}

/// The identity of one version of one event, `<cluster>/<event UID>/<event resourceVersion>`: the `Nats-Msg-Id` of every hop and the idempotency key of receivers.
#[must_use]
pub fn identity(cluster: &str, uid: &str, resource_version: &str) -> String {
    format!("{}/{uid}/{resource_version}", token(cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_made_of_safe_tokens() {
        let subjects = Subjects::new("herald");
        assert_eq!(subjects.raw("prod.eu", "", "Pod", "Back Off"), "herald.raw.prod_eu._.Pod.Back_Off");
        assert_eq!(subjects.enriched("", "Warning", "a*b", "x>y", "\u{7}\t"), "herald.enriched._.Warning.a_b.x_y.__");
        assert_eq!(subjects.out("my.slack"), "herald.out.my_slack");
        assert_eq!(subjects.out_name("my slack/1"), "HERALD_OUT_my_slack_1");
        assert_eq!(Subjects::new("team-a").name("RAW"), "TEAM-A_RAW");
        assert_eq!(subjects.inbox("router"), "_INBOX.herald.router");
    }

    #[test]
    fn long_tokens_are_cut_between_characters() {
        let cut = token(&"ü".repeat(MAX_TOKEN_BYTES));
        assert_eq!(cut.len(), MAX_TOKEN_BYTES);
        assert!(cut.chars().all(|c| c == 'ü'));
    }

    #[test]
    fn an_identity_keeps_two_slashes_whatever_the_cluster_is_called() {
        assert_eq!(identity("a b", "u", "7"), "a_b/u/7");
        assert_eq!(identity("", "u", "7"), "_/u/7");
    }
}
