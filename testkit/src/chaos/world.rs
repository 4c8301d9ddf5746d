//! The servers, stages and receivers of an act, each a process or a task of its own, with lines between them that can be disturbed.
//!
//! ```text
//! API server ═line═ watcher ═line═ nats-server ═line═ enricher … router … sinks ─▶ hook (HTTP), tls (HTTPS), small (HTTP, a short stream), file
//! ```
//!
//! Two enrichers, routers and sinks run, and one or two watchers. It starts everything and hands it to whoever injects faults; it judges nothing.

mod conf;
mod replica;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::stream;
use tokio_util::task::AbortOnDropHandle;

pub(super) use self::{conf::CLUSTER, replica::Replica};
use self::{
    conf::{Conf, FILE_VARIABLE, SMALL_BYTES},
    replica::Lines,
};
use super::{
    book::Book,
    mounts::Mounts,
    observe::{self, Observer},
    plan::{Part, Setting},
};
use crate::{
    apiserver::ApiServer,
    certs::{Authority, Identity},
    nats::{NatsCluster, NatsOptions, NatsServer},
    receiver::WebhookReceiver,
    scratch::Scratch,
    stage::StageOptions,
};

/// The receivers in the order of the ledger, and whether they honour the idempotency key.
const RECEIVERS: [(&str, bool); 4] = [("hook", true), ("tls", true), ("small", true), ("file", false)];
/// The name by which sinks reach `hook` where names can be made.
pub(super) const HOOK_NAME: &str = "hook.chaos.test";
/// A name that never resolves (RFC 6761).
const NO_NAME: &str = "hook.chaos.invalid";
/// Replicas of the stages behind the watcher.
const REPLICAS: usize = 2;
/// The file system of nats-server where it can have one of its own; all streams have room in three quarters of it.
pub(super) const DISK: u64 = 512 << 20;

/// Which binaries run and where they log.
#[derive(Clone, Debug, Default)]
pub struct Binaries {
    /// Their folder; by default that of the running program.
    pub folder: Option<PathBuf>,
    /// A folder for their logs; by default there are none.
    pub logs: Option<PathBuf>,
}

/// nats-server, one or three.
pub(super) enum Nats {
    One(Box<NatsServer>),
    Three(NatsCluster),
}

impl Nats {
    fn servers(&self) -> &[NatsServer] {
        match self {
            Self::One(server) => std::slice::from_ref(server),
            Self::Three(cluster) => cluster.servers(),
        }
    }

    pub(super) fn number(&self) -> usize {
        self.servers().len()
    }

    pub(super) fn server(&self, number: usize) -> &NatsServer {
        &self.servers()[number % self.number()]
    }

    /// The number of the server of that name.
    pub(super) fn number_of(&self, name: &str) -> Option<usize> {
        self.servers().iter().position(|server| server.name() == name)
    }

    /// Starts servers again and waits until all are healthy.
    pub(super) async fn restart(&mut self, numbers: &[usize]) -> Result<()> {
        for &number in numbers {
            match self {
                Self::One(server) => server.start_again()?,
                Self::Three(cluster) => cluster.start_again(number)?,
            }
        }
        match self {
            Self::One(server) => server.ready().await,
            Self::Three(cluster) => cluster.ready().await,
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.servers().iter().map(NatsServer::address).collect()
    }

    fn urls(&self) -> String {
        self.servers().iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }
}

/// Everything of an act.
pub(super) struct World {
    /// Keeps the events of several acts apart.
    pub(super) campaign: u32,
    stand_ins: u64,
    pub(super) book: Arc<Book>,
    pub(super) api: Arc<ApiServer>,
    pub(super) nats: Nats,
    /// The numbers of the servers that are killed.
    pub(super) dead_servers: Vec<usize>,
    pub(super) observer: Observer,
    pub(super) mounts: Option<Mounts>,
    pub(super) replicas: Vec<Replica>,
    pub(super) hook: WebhookReceiver,
    pub(super) tls: WebhookReceiver,
    pub(super) small: WebhookReceiver,
    /// A certificate that is good, and one that has expired.
    pub(super) certificates: [Identity; 2],
    conf: Conf,
    _files: Vec<AbortOnDropHandle<()>>,
    scratch: Scratch,
}

/// The name of a receiver's stream.
pub(super) fn out_stream(receiver: &str) -> String {
    format!("HERALD_OUT_{receiver}")
}

/// Opens the book for the receivers of every act.
pub(super) fn open_book() -> Book {
    let receivers: Vec<(&str, String, bool)> = RECEIVERS.iter().map(|(name, keyed)| (*name, out_stream(name), *keyed)).collect();
    Book::new(&receivers)
}

impl World {
    /// Starts everything and waits until every stage is ready.
    pub(super) async fn start(setting: Setting, campaign: u32, binaries: &Binaries, mounts: Option<Mounts>) -> Result<Self> {
        let scratch = Scratch::new("chaos")?;
        let book = Arc::new(open_book());
        let api = Arc::new(ApiServer::start().await?);
        let nats = start_nats(setting, binaries, mounts.as_ref(), &scratch).await?;
        let authority = Authority::new("chaos")?;
        let certificates = [authority.server(&["localhost"])?, authority.expired_server(&["localhost"])?];
        let observed = |at: usize, identity: Option<&Identity>| {
            let book = book.clone();
            let identity = identity.cloned();
            async move { WebhookReceiver::start_observed(identity.as_ref(), move |request| book.received(at, request)).await }
        };
        let hook = observed(0, None).await?;
        let tls = observed(1, Some(&certificates[0])).await?;
        let small = observed(2, None).await?;
        let hook_url = match &mounts {
            Some(mounts) => {
                mounts.resolve(Some(HOOK_NAME))?;
                format!("http://{HOOK_NAME}:{}/", hook.address().port())
            }
            None => format!("{}/", hook.url()),
        };
        let conf = Conf {
            setting,
            hook: hook_url,
            tls: format!("{}/", tls.url()),
            small: format!("{}/", small.url()),
            authority: scratch.write("ca.pem", authority.certificate())?,
            changed: false,
        };
        scratch.write("config.yaml", &conf.text())?;
        let mut streams: Vec<String> = RECEIVERS.iter().map(|(name, _)| out_stream(name)).collect();
        streams.extend(["RAW", "ENRICHED", "DEAD", "GAP"].map(|name| format!("HERALD_{name}")));
        let observer = Observer::start(&nats.urls(), streams, book.clone()).await?;
        make_small_stream(&observer, setting).await?;
        let mut world = Self {
            campaign,
            stand_ins: 0,
            book,
            api,
            nats,
            dead_servers: Vec::new(),
            observer,
            mounts,
            replicas: Vec::new(),
            hook,
            tls,
            small,
            certificates,
            conf,
            _files: Vec::new(),
            scratch,
        };
        for part in Part::ALL {
            for number in 0..if part == Part::Watcher { setting.watchers() } else { REPLICAS } {
                world.start_replica(part, number, binaries).await?;
            }
        }
        for replica in &world.replicas {
            replica.ready().await?;
        }
        Ok(world)
    }

    async fn start_replica(&mut self, part: Part, number: usize, binaries: &Binaries) -> Result<()> {
        let lines = Lines::lay(part, &self.nats.addresses(), self.api.address()).await?;
        let name = format!("{}-{number}", part.binary());
        let file = self.scratch.path().join(format!("{name}.jsonl"));
        let mut options = StageOptions::new(part.binary()).conf(&self.conf_path()).nats(&lines.urls()).env(FILE_VARIABLE, &file);
        options = options.env("POD_NAME", &name).env("HERALD_WATCH_SECONDS", "8");
        if let Some(line) = &lines.api {
            options = options.kubeconfig(&self.api.kubeconfig_by(&name, line.address())?);
        }
        if let Some(folder) = &binaries.folder {
            options = options.program(&folder.join(part.binary()));
        }
        if let Some(folder) = &binaries.logs {
            options = options.log(&folder.join(format!("{name}.log")));
        }
        if let (Part::Sinks, Some(mounts)) = (part, &self.mounts) {
            options = options.within(&mounts.within());
        }
        if part == Part::Sinks {
            let receiver = RECEIVERS.len() - 1;
            self._files.push(observe::follow(file, receiver, self.book.clone()));
        }
        self.replicas.push(Replica::start(part, options, lines)?);
        Ok(())
    }

    fn conf_path(&self) -> PathBuf {
        self.scratch.path().join("config.yaml")
    }

    /// Puts a text in the place of the configuration.
    pub(super) fn write_conf(&self, text: &str) -> Result<()> {
        let fresh = self.scratch.write("fresh.yaml", text)?;
        std::fs::rename(fresh, self.conf_path()).context("could not replace the configuration")
    }

    /// Makes the configuration the usual one, or a changed one that means the same for every event.
    pub(super) fn reload(&mut self, changed: bool) -> Result<()> {
        self.conf.changed = changed;
        self.write_conf(&self.conf.text())
    }

    /// Takes the address of `hook`'s name away, or gives it back: in the hosts file, or else by a configuration with another name.
    pub(super) fn resolve_hook(&self, resolves: bool) -> Result<()> {
        match &self.mounts {
            Some(mounts) => mounts.resolve(resolves.then_some(HOOK_NAME)),
            None if resolves => self.write_conf(&self.conf.text()),
            None => {
                let hook = format!("http://{NO_NAME}:{}/", self.hook.address().port());
                self.write_conf(&Conf { hook, ..self.conf.clone() }.text())
            }
        }
    }

    /// The replicas of a stage.
    pub(super) fn of(&mut self, part: Part) -> impl Iterator<Item = &mut Replica> {
        self.replicas.iter_mut().filter(move |replica| replica.part == part)
    }

    /// The number of the next event of a stand-in, beyond those of the event source.
    pub(super) fn stand_in(&mut self) -> u64 {
        self.stand_ins += 1;
        (1 << 40) + self.stand_ins
    }

    /// The file's text as it is to be now.
    pub(super) fn usual_conf(&self) -> String {
        self.conf.text()
    }
}

async fn start_nats(setting: Setting, binaries: &Binaries, mounts: Option<&Mounts>, scratch: &Scratch) -> Result<Nats> {
    let log = binaries.logs.as_ref().map(|folder| folder.join("nats-server.log"));
    if setting == Setting::Cluster {
        return Ok(Nats::Three(NatsCluster::start_with(&NatsOptions { log, ..NatsOptions::default() }).await?));
    }
    let mut options = NatsOptions { log, ..NatsOptions::default() };
    if let Some(mounts) = mounts {
        options.store = Some(mounts.disk().join("jetstream"));
        options.within = mounts.within();
    } else {
        // The limit stands in for the disk's size.
        let store = scratch.path().join("jetstream");
        options.config = format!("jetstream {{ store_dir: {store:?}, max_file_store: {} }}\n", DISK / 4 * 3);
        options.store = Some(store);
    }
    Ok(Nats::One(Box::new(NatsServer::start_with(options).await?)))
}

/// The stream of `small` is made by hand, shorter than the others, so that its limit is reached in seconds.
async fn make_small_stream(observer: &Observer, setting: Setting) -> Result<()> {
    let config = stream::Config {
        name: out_stream("small"),
        subjects: vec!["herald.out.small".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        // As Herald makes receivers' streams: what is dropped is dropped by the router.
        discard: stream::DiscardPolicy::New,
        max_bytes: SMALL_BYTES,
        num_replicas: if setting == Setting::Cluster { 3 } else { 1 },
        allow_direct: true,
        ..stream::Config::default()
    };
    observer.jetstream().create_stream(config).await.context("could not make a short stream")?;
    Ok(())
}

/// Whether binaries are where they are looked for.
pub(super) fn check(binaries: &Binaries) -> Result<()> {
    for part in Part::ALL {
        match &binaries.folder {
            Some(folder) => ensure!(folder.join(part.binary()).is_file(), "there is no {} in {}", part.binary(), folder.display()),
            None => drop(crate::stage::bin(part.binary())?),
        }
    }
    Ok(())
}
