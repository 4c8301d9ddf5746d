//! How `tail`, `status` and `replay` find NATS: `--nats`, the configuration file, the nats-server that `herald up` left its address of, the default.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use herald_common::{
    CancellationToken,
    bus::Bus,
    config::{Config, LogFormat, LogLevel, Secret},
    health::Health,
    logging, shutdown,
};

use crate::nats_server;

#[derive(Args)]
pub(crate) struct ConnectArgs {
    /// The configuration file, for its nats section and rules [default: config.yaml, when it is there]
    #[arg(long, env = "HERALD_CONF", value_name = "FILE")]
    conf: Option<PathBuf>,
    /// NATS servers, separated by commas [default: those of the configuration, of a running `herald up`, then 127.0.0.1:4222]
    #[arg(long, env = "HERALD_NATS", value_name = "URL", hide_env_values = true)]
    nats: Option<Secret>,
}

/// A connection for a command, with the configuration it came from.
pub(crate) struct Connected {
    pub(crate) bus: Bus,
    pub(crate) config: Config,
    pub(crate) stop: CancellationToken,
}

impl ConnectArgs {
    /// Connects, or says what it is waiting for.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connected> {
        logging::init(LogLevel::Warn, LogFormat::Pretty);
        let default = PathBuf::from("config.yaml");
        // An image may name a file that only the stages' containers have; an address says enough.
        let named = self.conf.clone().filter(|file| self.nats.is_none() || file.exists());
        let file = named.or_else(|| default.exists().then_some(default));
        let mut config = match &file {
            Some(file) => Config::load(file)?.config,
            None => Config::default(),
        };
        if let Some(nats) =
            self.nats.as_ref().map(|nats| nats.expose().to_owned()).or_else(|| file.is_none().then(nats_server::running).flatten())
        {
            config.nats.url = Some(nats);
            config.nats.urls.clear();
        }
        let stop = shutdown::on_signals()?;
        let bus = Bus::connect(&config.nats, "herald", Health::default().condition("nats"), &stop).await.context("cannot reach NATS")?;
        Ok(Connected { bus, config, stop })
    }
}
