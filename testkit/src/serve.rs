//! A bare HTTP/1.1 server for the scripted servers: unlike a proper one it can close a connection in the middle of anything.
//!
//! In: an address, a handler, perhaps TLS. Out: answers, or a closed connection when the handler says [`Cut`]. It never outlives its
//! [`Server`]: stopping or dropping it closes the listener and every connection at once, without finishing what is in flight.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::certs::Identity;

/// Says that the connection is to be closed instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Cut;

/// Answers one request.
pub(crate) type Handler = Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<Body>, Cut>> + Send + Sync>;

/// A server that runs until it is stopped or dropped.
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<Infallible>,
}

impl Server {
    /// Listens on the address; port 0 takes any free one.
    pub(crate) async fn start(address: SocketAddr, tls: Option<TlsAcceptor>, handler: Handler) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("could not listen on {address}"))?;
        let address = listener.local_addr().context("could not tell the port of a listener")?;
        Ok(Self { address, task: tokio::spawn(accept(listener, tls, handler)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and all connections, and returns once the port is free.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        // The only way this task ends is by being aborted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a server needs to speak TLS as someone, with an authority (PEM) only to clients whose certificate it signed.
pub(crate) fn acceptor(identity: &Identity, client_authority: Option<&str>) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>().context("not a PEM certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("not a PEM private key")?;
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
                roots.add(certificate.context("the client authority is not a PEM certificate")?)?;
            }
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?)
        }
    };
    let config = builder.with_single_cert(certificates, key).context("the certificate and the key do not fit")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A body that sends the bytes and then closes the connection in the middle.
pub(crate) fn broken_body(start: impl Into<Bytes>) -> Body {
    Body::from_stream(stream::iter([Ok(start.into()), Err(Cut)]))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, handler: Handler) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                // Without it small chunks of a watch wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                let (tls, handler) = (tls.clone(), handler.clone());
                connections.spawn(async move {
                    match tls {
                        None => converse(stream, handler).await,
                        // A client that does not like the certificate is the test's business, seen at the client.
                        Some(tls) => if let Ok(stream) = tls.accept(stream).await { converse(stream, handler).await },
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, handler: Handler) {
    let service = service_fn(move |request| handler(request));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(%error, "a connection ended early");
    }
}
