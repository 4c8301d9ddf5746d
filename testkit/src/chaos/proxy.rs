//! A TCP proxy that can be told to misbehave: between a stage and the server it talks to.
//!
//! In: connections to its port. Out: the same bytes to and from the server behind it, late, held back, or not at all. What is held back is not dropped: it
//! arrives when the line is whole again, as TCP has it. It looks at no byte and ends with its value.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Whole.
    Whole,
    /// Every piece of data, in either direction, is so late.
    Slow(Duration),
    /// Connections are closed, and new ones at once.
    Cut,
    /// Connections stay open, and nothing passes.
    Silent,
    /// Connections stay open; what the server says does not pass.
    Deaf,
    /// Connections stay open; what the client says does not pass.
    Mute,
}

/// The direction of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

impl State {
    fn passes(self, way: Way) -> bool {
        match self {
            Self::Whole | Self::Slow(_) => true,
            Self::Cut | Self::Silent => false,
            Self::Deaf => way == Way::ToServer,
            Self::Mute => way == Way::ToClient,
        }
    }
}

/// A proxy in front of one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 for a server.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), server).await
    }

    /// Listens at an address for a server.
    pub async fn start_at(address: SocketAddr, server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await.context("could not listen for a proxy")?;
        let address = listener.local_addr().context("could not tell the port of a proxy")?;
        let (state, states) = watch::channel(State::Whole);
        Ok(Self { address, state, _task: AbortOnDropHandle::new(tokio::spawn(accept(listener, server, states))) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the line so, for the connections that stand and those that come.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, states: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(converse(client, server, states.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection until an end closes it or the line is cut. Why it ended is of no interest here.
async fn converse(client: TcpStream, server: SocketAddr, mut states: watch::Receiver<State>) {
    let cut = states.clone();
    let talk = async {
        // A connection that comes while nothing passes waits.
        if states.wait_for(|state| state.passes(Way::ToServer)).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let _ = tokio::join!(
            carry(from_client, to_server, Way::ToServer, states.clone()),
            carry(from_server, to_client, Way::ToClient, states.clone())
        );
    };
    tokio::select! {
        () = talk => {}
        () = until_cut(cut) => {}
    }
}

async fn until_cut(mut states: watch::Receiver<State>) {
    // The proxy is gone when this fails, and its tasks with it.
    let _ = states.wait_for(|state| *state == State::Cut).await;
}

/// Pieces of data on their way in one direction; more are not read, as a connection's window has it.
const ON_THEIR_WAY: usize = 64;

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, mut states: watch::Receiver<State>) -> io::Result<()> {
    // Pieces are late, each for itself: while one is on its way the next is read.
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THEIR_WAY);
    let line = states.clone();
    let read = async move {
        loop {
            let mut piece = vec![0; 16 << 10];
            let length = from.read(&mut piece).await?;
            piece.truncate(length);
            let late = if let State::Slow(late) = *line.borrow() { late } else { Duration::ZERO };
            if sender.send((Instant::now() + late, piece)).await.is_err() || length == 0 {
                return io::Result::Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = pieces.recv().await {
            tokio::time::sleep_until(due).await;
            states.wait_for(|state| state.passes(way)).await.map_err(io::Error::other)?;
            if piece.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&piece).await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    /// A server that says everything back, and a line to it.
    async fn echo() -> (Proxy, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        (Proxy::start(address).await.unwrap(), AbortOnDropHandle::new(task))
    }

    async fn says(line: &mut TcpStream, text: &[u8]) -> Option<Vec<u8>> {
        line.write_all(text).await.ok()?;
        hears(line, text.len()).await
    }

    async fn hears(line: &mut TcpStream, length: usize) -> Option<Vec<u8>> {
        let mut heard = vec![0; length];
        tokio::time::timeout(SHORT, line.read_exact(&mut heard)).await.ok()?.ok()?;
        Some(heard)
    }

    #[tokio::test]
    async fn what_is_held_back_arrives_when_the_line_is_whole_again() {
        let (proxy, _server) = echo().await;
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut line, b"one").await.unwrap(), b"one");
        for state in [State::Silent, State::Deaf, State::Mute] {
            proxy.set(state);
            assert_eq!(says(&mut line, b"two").await, None, "{state:?}");
            proxy.set(State::Whole);
            assert_eq!(hears(&mut line, 3).await.unwrap(), b"two", "{state:?}");
        }
    }

    #[tokio::test]
    async fn a_cut_line_is_closed_and_new_ones_work_when_it_is_mended() {
        let (proxy, _server) = echo().await;
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut line, b"one").await.unwrap(), b"one");
        proxy.set(State::Cut);
        assert_eq!(line.read(&mut [0]).await.unwrap_or(0), 0, "closed");
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(line.read(&mut [0]).await.unwrap_or(0), 0, "closed at once");
        proxy.set(State::Whole);
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(says(&mut line, b"two").await.unwrap(), b"two");
    }

    #[tokio::test]
    async fn a_slow_line_delays() {
        let (proxy, _server) = echo().await;
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.set(State::Slow(SHORT));
        assert_eq!(says(&mut line, b"one").await, None, "it takes twice the delay");
        proxy.set(State::Whole);
        assert_eq!(hears(&mut line, 3).await.unwrap(), b"one");
    }
}
