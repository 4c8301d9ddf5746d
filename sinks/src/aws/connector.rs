//! What loads credentials speaks HTTP through the client that everything else here uses: one TLS, one way to follow proxies.
//!
//! Metadata services (IMDS, ECS, EKS Pod Identity) have link-local addresses without TLS and are never reached by a proxy. Timeouts are those that the loader
//! asks for. Nothing is repeated here.

use std::{future::Future, time::Duration};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use reqwest::{Client, Method, redirect::Policy};

/// How long a call may take when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the client. It has the system's authorities.
pub(super) fn client() -> Result<SharedHttpClient, reqwest::Error> {
    let builder = || Client::builder().redirect(Policy::none()).connect_timeout(PATIENCE).timeout(PATIENCE * 2);
    let (direct, proxied) = (builder().no_proxy().build()?, builder().build()?);
    Ok(http_client_fn(move |settings, _| {
        let (direct, proxied) = (direct.clone(), proxied.clone());
        SharedHttpConnector::new(Connector { direct, proxied, patience: patience(settings) })
    }))
}

fn patience(settings: &HttpConnectorSettings) -> Duration {
    match (settings.connect_timeout(), settings.read_timeout()) {
        (None, None) => PATIENCE,
        (connect, read) => connect.unwrap_or_default() + read.unwrap_or_default(),
    }
}

#[derive(Clone, Debug)]
struct Connector {
    direct: Client,
    proxied: Client,
    patience: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let exchanged = tokio::time::timeout(this.patience, this.exchange(&request)).await;
            exchanged.unwrap_or_else(|_| Err(ConnectorError::timeout(format!("no answer within {:?}", this.patience).into())))
        })
    }
}

impl Connector {
    fn exchange(&self, request: &HttpRequest) -> impl Future<Output = Result<HttpResponse, ConnectorError>> + Send + use<> {
        let built = self.request(request);
        async move {
            let response = built?.send().await.map_err(failure)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.map_err(failure)?;
            let status = status.as_u16().try_into().map_err(|_| ConnectorError::other("an odd status".into(), None))?;
            let mut answer = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in &headers {
                // What is no text says nothing to the loader.
                if let Ok(value) = value.to_str() {
                    let _ = answer.headers_mut().try_append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(answer)
        }
    }

    fn request(&self, request: &HttpRequest) -> Result<reqwest::RequestBuilder, ConnectorError> {
        let method = Method::from_bytes(request.method().as_bytes()).map_err(|error| ConnectorError::user(error.into()))?;
        let body = request.body().bytes().ok_or_else(|| ConnectorError::user("the body is a stream".into()))?.to_vec();
        let client = if request.uri().starts_with("http://") { &self.direct } else { &self.proxied };
        let built = client.request(method, request.uri()).body(body);
        Ok(request.headers().iter().fold(built, |built, (name, value)| built.header(name, value)))
    }
}

/// Addresses may hold what is secret and are left out.
fn failure(error: reqwest::Error) -> ConnectorError {
    let (is_timeout, error) = (error.is_timeout(), error.without_url());
    if is_timeout { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
