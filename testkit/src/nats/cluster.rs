//! Three nats-servers that replicate JetStream among themselves.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::{NatsOptions, NatsServer, READY_WITHIN, STARTS, Spec};
use crate::{client, scratch::Port};

/// A cluster of three servers named `n0`, `n1` and `n2`; dropping it kills them.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<NatsServer>,
    _routes: Vec<Port>,
}

impl NatsCluster {
    /// Starts three servers and waits until they are ready and agree on a leader.
    pub async fn start() -> Result<Self> {
        Self::start_with(&NatsOptions::default()).await
    }

    /// Starts three servers with more configuration text and a log file, and waits as [`NatsCluster::start`] does.
    pub async fn start_with(options: &NatsOptions) -> Result<Self> {
        let mut tries = 1;
        loop {
            let cluster = Self::spawn(options)?;
            match cluster.ready().await {
                Err(_) if tries < STARTS && cluster.servers.iter().any(NatsServer::lost_a_port) => tries += 1,
                ready => return ready.map(|()| cluster),
            }
        }
    }

    fn spawn(options: &NatsOptions) -> Result<Self> {
        let routes = (0..3).map(|_| Port::take()).collect::<Result<Vec<_>>>()?;
        let peers: Vec<String> = routes.iter().map(|route| format!("\"nats-route://{}\"", route.address())).collect();
        let server = |(number, route): (usize, &Port)| {
            // Clients are not told of the other servers, so that a proxy in front of each stays there.
            let config = format!(
                "cluster {{ name: herald, no_advertise: true, listen: \"{}\", routes: [{}] }}\n",
                route.address(),
                peers.join(", ")
            );
            let options = NatsOptions { config: options.config.clone() + &config, log: options.log.clone(), ..NatsOptions::default() };
            NatsServer::spawn(Spec::new(&format!("n{number}"), &options, Port::take()?)?)
        };
        let servers = routes.iter().enumerate().map(server).collect::<Result<Vec<_>>>()?;
        Ok(Self { servers, _routes: routes })
    }

    /// Waits until all three are healthy and the leader knows all of them.
    pub async fn ready(&self) -> Result<()> {
        try_join_all(self.servers.iter().map(NatsServer::ready)).await?;
        try_join_all(self.servers.iter().map(|server| {
            let agreed = || async { meta(server).await.filter(|meta| meta.cluster_size == 3 && !meta.leader.is_empty()).map(drop) };
            server.process.wait_for("a leader of three servers", READY_WITHIN, agreed)
        }))
        .await
        .map(drop)
    }

    /// The addresses of the three servers, separated by commas.
    pub fn urls(&self) -> String {
        self.servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// The servers, in the order of their names.
    pub fn servers(&self) -> &[NatsServer] {
        &self.servers
    }

    /// The number of the server of that name, as a stream's cluster information tells its leader.
    pub fn number_of(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name() == name)
    }

    /// Kills (SIGKILL) a server by its number.
    pub fn kill(&self, number: usize) {
        self.servers[number].kill();
    }

    /// Starts a server again by its number and waits until it is ready.
    pub async fn restart(&mut self, number: usize) -> Result<()> {
        self.servers[number].restart().await
    }

    /// Starts a server again by its number without waiting: after several were killed none becomes ready alone.
    pub fn start_again(&mut self, number: usize) -> Result<()> {
        self.servers[number].start_again()
    }
}

#[derive(Deserialize)]
struct JetStream {
    meta_cluster: Meta,
}

/// What a server says of the group that places streams; the leader is empty while there is none.
#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    leader: String,
    cluster_size: usize,
}

async fn meta(server: &NatsServer) -> Option<Meta> {
    let page = client::get(&format!("{}/jsz", server.monitoring_url())).await?;
    serde_json::from_str::<JetStream>(&page).ok().map(|page| page.meta_cluster)
}
