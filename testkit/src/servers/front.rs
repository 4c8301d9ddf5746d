//! What people put in front of servers that know no login and no TLS: a proxy that asks for both.
//!
//! In: HTTP or HTTPS requests. Out: the answers of the server behind it, or 401 for those without the right login. It changes nothing else.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use axum::body::Body;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{Certificates, PASSWORD, USER, url};
use crate::{
    client,
    serve::{Cut, Handler, Server, acceptor},
};

/// A running proxy. It ends when it is dropped.
pub struct Front {
    server: Server,
    is_secure: bool,
}

struct Behind {
    client: reqwest::Client,
    url: String,
    login: String,
}

impl Front {
    /// Starts one for a server of plain HTTP at `url`; with certificates it speaks HTTPS with clients that have one.
    pub async fn start(url: &str, secure: Option<&Certificates>) -> Result<Self> {
        let client = client::with(None)?;
        let login = format!("Basic {}", BASE64.encode(format!("{USER}:{PASSWORD}").as_bytes()));
        let behind = Arc::new(Behind { client, url: url.to_owned(), login });
        let handler: Handler = Arc::new(move |request| {
            let behind = behind.clone();
            Box::pin(async move { behind.ask(request).await })
        });
        let tls = secure.map(|certificates| acceptor(&certificates.server, Some(&certificates.authority))).transpose()?;
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), tls, handler).await?;
        Ok(Self { server, is_secure: secure.is_some() })
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(self.is_secure, self.server.address().port())
    }
}

impl Behind {
    async fn ask(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (mut head, body) = request.into_parts();
        if head.headers.get(header::AUTHORIZATION).is_none_or(|login| login != self.login.as_str()) {
            let mut denied = Response::new(Body::from("no such user"));
            *denied.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(denied);
        }
        for name in [header::AUTHORIZATION, header::HOST, header::CONTENT_LENGTH] {
            head.headers.remove(name);
        }
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let url = format!("{}{}", self.url, head.uri);
        let asked = self.client.request(head.method, url).headers(head.headers).body(body).send().await.map_err(|_| Cut)?;
        let (status, kind) = (asked.status(), asked.headers().get(header::CONTENT_TYPE).cloned());
        let body: Bytes = asked.bytes().await.map_err(|_| Cut)?;
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = status;
        answer.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
        Ok(answer)
    }
}
