//! `bigquery` and a stand-in for it, written from its REST reference; a place is a table.

use std::time::Instant;

use anyhow::{Result, ensure};
use herald_testkit::{
    servers::{
        Certificates,
        bigquery::{BigQuery, Mood, PROJECT},
        google::Account,
    },
    tools::Tool,
    wait,
};
use serde_json::{Map, Value, json};

use crate::{
    events::{RECEIVER, event, events, publish},
    fixture::{BOUND, Fixture},
    kind::{Kind, Refused, SECRET, Wrong, client_tls, quoted, with},
};

pub(crate) struct Bigquery {
    server: BigQuery,
    account: Account,
    /// One that asks for tokens, beside a server that does not.
    secure: Option<Box<(Bigquery, Certificates, Account)>>,
}

impl Bigquery {
    async fn with(secure: Option<&Certificates>) -> Result<Self> {
        Ok(Self { server: BigQuery::start(secure).await?, account: Account::new("herald")?, secure: None })
    }

    /// Publishes events with one receiver whose table is in this mood, and returns how many jobs that took.
    async fn deliver(&self, place: &str, mood: Mood, events: &[Value]) -> Result<(Fixture, usize)> {
        self.server.set_mood(place, Some(mood));
        let jobs = self.server.number_of_jobs();
        let mut sinks = Fixture::prepare(&format!("receivers:\n- {{name: r, bigquery: {}}}\n", self.keys(place))).await;
        publish(&sinks, events).await;
        sinks.run().await;
        sinks.settled(RECEIVER).await;
        Ok((sinks, self.server.number_of_jobs() - jobs))
    }
}

impl Bigquery {
    /// The first event makes a job at once; what comes after it makes one in each interval, however long this machine takes.
    async fn jobs_have_their_turns(&self) -> Result<()> {
        const INTERVAL: u64 = 3;
        let keys = self.keys("turns").replace("interval_seconds: 1", &format!("interval_seconds: {INTERVAL}"));
        let sinks = Fixture::start(&format!("- {{name: r, bigquery: {keys}}}\n")).await;
        let (before, began) = (self.server.number_of_jobs(), Instant::now());
        let events = events("turn", 30);
        publish(&sinks, &events[..1]).await;
        wait::until("the first row", BOUND, || async { self.server.rows("turns").len() == 1 }).await?;
        publish(&sinks, &events[1..]).await;
        sinks.settled(RECEIVER).await;
        let (jobs, most) = (self.server.number_of_jobs() - before, 1 + usize::try_from(began.elapsed().as_secs() / INTERVAL)?);
        ensure!(jobs <= most && self.server.rows("turns").len() == 30, "{jobs} jobs instead of at most {most}");
        Ok(())
    }
}

/// A row without what no column is made of.
fn row(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(map) => {
            let map: Map<String, Value> = map.iter().filter_map(|(key, value)| Some((key.clone(), row(value)?))).collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        other => Some(other.clone()),
    }
}

impl Kind for Bigquery {
    const KIND: &'static str = "bigquery";
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = true;

    async fn start() -> Result<Self> {
        Self::with(None).await
    }

    async fn product(&self) -> Result<String> {
        Ok("a stand-in written from BigQuery's REST reference".to_owned())
    }

    fn keys(&self, place: &str) -> String {
        let table = format!("project: {PROJECT}, dataset: events, table: {place}");
        format!("{{{table}, endpoint: \"{}\", interval_seconds: 1}}", self.server.url())
    }

    fn shown(event: &Value) -> Value {
        row(event).unwrap_or_default()
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        Ok(self.server.rows(place))
    }

    async fn stop(&mut self) -> Result<()> {
        self.server.stop().await;
        Ok(())
    }

    async fn start_again(&mut self) -> Result<()> {
        self.server.start_again().await
    }

    /// The table was made by hand, with a column of another type.
    async fn refuse(&mut self, place: &str) -> Result<Refused> {
        self.server.add_column(place, ".count", "FLOAT");
        let mut event = event("poison");
        event["count"] = json!("many");
        let reason =
            "BigQuery refused the row: invalid: Error while reading data, error message: JSON parsing error in row starting at position ";
        Ok(Refused { event, reason: reason.to_owned() })
    }

    async fn throttle(&mut self, place: &str) -> Result<()> {
        self.server.set_mood(place, Some(Mood::Throttled));
        Ok(())
    }

    async fn relieve(&mut self, place: &str) -> Result<()> {
        self.server.set_mood(place, None);
        Ok(())
    }

    async fn wrong_credentials(&mut self, place: &str) -> Result<Wrong> {
        let (certificates, other) = (Certificates::new()?, Account::new(SECRET)?);
        let secure = Self::with(Some(&certificates)).await?;
        let keys = with(&secure.keys(place), &format!("tls: {}, credentials_path: {}", client_tls(&certificates), quoted(&other.file())));
        self.secure = Some(Box::new((secure, certificates, other)));
        Ok(Wrong { keys, said: "answered 401 Unauthorized: UNAUTHENTICATED: Request had invalid authentication credentials" })
    }

    async fn start_tls(certificates: &Certificates) -> Result<Self> {
        Self::with(Some(certificates)).await
    }

    fn tls_keys(&self, place: &str, tls: &str) -> String {
        with(&self.keys(place), &format!("tls: {tls}, credentials_path: {}", quoted(&self.account.file())))
    }

    /// A lost answer loads nothing twice, and a bad row that BigQuery does not name is found by few jobs.
    async fn besides(&mut self) -> Result<()> {
        let good = events("besides", 100);
        let (sinks, jobs) = self.deliver("lossy", Mood::Lossy, &good).await?;
        ensure!(sinks.metric("retried", "r") > 0 && jobs == 1, "the answer was lost, and {jobs} jobs were begun");
        ensure!(self.server.rows("lossy").len() == good.len(), "{} rows", self.server.rows("lossy").len());
        let refused = self.refuse("silent").await?;
        let all = [&good[..70], std::slice::from_ref(&refused.event), &good[70..]].concat();
        let (sinks, jobs) = self.deliver("silent", Mood::Silent, &all).await?;
        ensure!((8..=16).contains(&jobs), "{jobs} jobs for 101 rows");
        ensure!(self.server.rows("silent").len() == good.len(), "{} rows", self.server.rows("silent").len());
        let dead = sinks.dead("r").await;
        ensure!(dead.len() == 1 && dead[0].payload == refused.event.to_string(), "{} dead letters", dead.len());
        self.jobs_have_their_turns().await
    }
}
