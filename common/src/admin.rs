//! The HTTP server for machines and operators: `/metrics`, `/-/ready`, `/-/healthy` and a landing page.
//!
//! A [`Guard`] puts TLS and a login before all of it. What probes need can be served at an address of its own then, without either.

mod client;
mod guard;
mod login;
mod tls;
mod web_config;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

pub use self::guard::Guard;
use self::guard::Guarded;
use crate::{
    health::Health,
    metrics::{Metrics, OPEN_METRICS_CONTENT_TYPE},
};

#[derive(Clone)]
struct Served {
    metrics: Arc<Metrics>,
    health: Health,
}

/// Starts serving on `address` (`:2112` means every interface), behind a guard if there is one; returns where it listens. It serves until the process ends.
///
/// # Errors
/// When the address is not one or is taken.
pub async fn serve(address: &str, guard: Option<Arc<Guard>>, metrics: Arc<Metrics>, health: Health) -> anyhow::Result<SocketAddr> {
    let listener = bind("--metrics-address", address).await?;
    let bound = listener.local_addr()?;
    let (tls, login) = guard.as_ref().map_or((false, false), |guard| guard.protects());
    tracing::info!(address = %bound, tls, login, "listening");
    let app = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/-/ready", get(ready))
        .route("/-/healthy", get(healthy))
        .fallback(get(landing_page))
        .with_state(Served { metrics, health });
    match guard {
        None => drop(tokio::spawn(async move { ended(axum::serve(listener, app).await) })),
        Some(guard) => {
            let app = app.layer(middleware::from_fn_with_state(guard.clone(), guard::check));
            let listener = Guarded::new(listener, guard)?;
            tokio::spawn(async move { ended(axum::serve(listener, app).await) });
        }
    }
    Ok(bound)
}

/// Starts serving `/-/ready` and `/-/healthy` alone, without TLS and login; returns where it listens.
///
/// # Errors
/// When the address is not one or is taken.
pub async fn serve_probes(address: &str, health: Health) -> anyhow::Result<SocketAddr> {
    let listener = bind("--probe-address", address).await?;
    let bound = listener.local_addr()?;
    tracing::info!(address = %bound, "answering probes");
    let app = Router::new()
        .route("/-/ready", get(|State(health): State<Health>| async move { answer(&health.unready()) }))
        .route("/-/healthy", get(|State(health): State<Health>| async move { answer(&health.stalled()) }))
        .with_state(health);
    tokio::spawn(async move { ended(axum::serve(listener, app).await) });
    Ok(bound)
}

async fn bind(flag: &str, address: &str) -> anyhow::Result<TcpListener> {
    let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    TcpListener::bind(&full).await.with_context(|| format!("{flag}: cannot listen on {address}"))
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "admin server ended");
    }
}

async fn metrics_page(State(served): State<Served>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/openmetrics-text") {
        return ([(header::CONTENT_TYPE, OPEN_METRICS_CONTENT_TYPE)], served.metrics.open_metrics()).into_response();
    }
    match served.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be printed: {error}\n")).into_response(),
    }
}

async fn ready(State(served): State<Served>) -> Response {
    answer(&served.health.unready())
}

async fn healthy(State(served): State<Served>) -> Response {
    answer(&served.health.stalled())
}

fn answer(problems: &[String]) -> Response {
    if problems.is_empty() { "OK".into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n").into_response() }
}

async fn landing_page() -> Html<&'static str> {
    Html(
        "<html><head><title>Herald</title></head><body><h1>Herald</h1><p><a href=\"/metrics\">Metrics</a>, <a href=\"/-/ready\">ready</a>, <a href=\"/-/healthy\">healthy</a></p></body></html>\n",
    )
}
