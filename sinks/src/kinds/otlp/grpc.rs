//! OTLP over gRPC: `opentelemetry.proto.collector.logs.v1.LogsService/Export`, one connection that is made anew when it breaks.

use std::time::Duration;

use http::{HeaderMap, Uri, uri::PathAndQuery};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use tonic::{Request, Status, body::Body, client::Grpc, codec::CompressionEncoding, metadata::MetadataMap};
use tonic_prost::ProstCodec;
use url::Url;

use crate::{http::Compression, keys::Keys, tls::Tls};

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// Pings tell a connection that died unnoticed.
const PING: Duration = Duration::from_secs(20);

/// A client of the service.
pub(super) struct LogsService {
    grpc: Grpc<Client<HttpsConnector<HttpConnector>, Body>>,
    timeout: Duration,
}

impl LogsService {
    /// Reads `tls`; what is wrong with it is among the findings.
    pub(super) fn new(keys: &mut Keys<'_>, endpoint: &Url, tls: &Tls, compression: Compression, timeout: Duration) -> Option<Self> {
        let tls = tls.client_config(keys)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout.min(Duration::from_secs(10))));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http2().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build(connector);
        let fault = keys.spec().problem_at(
            "endpoint",
            "gRPC sends no user and password of an address; give one such as https://host:4317, and headers".to_owned(),
        );
        let has_login = !endpoint.username().is_empty() || endpoint.password().is_some();
        let origin: Option<Uri> = endpoint.as_str().parse().ok().filter(|_| !has_login);
        let Some(origin) = origin else {
            keys.error(fault);
            return None;
        };
        let grpc = Grpc::with_origin(client, origin);
        let grpc = if compression == Compression::Gzip { grpc.send_compressed(CompressionEncoding::Gzip) } else { grpc };
        Some(Self { grpc: grpc.accept_compressed(CompressionEncoding::Gzip), timeout })
    }

    /// Exports once.
    pub(super) async fn export(
        &self,
        export: ExportLogsServiceRequest,
        mut headers: HeaderMap,
    ) -> Result<ExportLogsServiceResponse, Status> {
        headers.remove(http::header::CONTENT_TYPE);
        let mut request = Request::new(export);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request.set_timeout(self.timeout);
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let answer = grpc.unary(request, PathAndQuery::from_static(EXPORT), ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }
}
