//! Signing a request (AWS Signature Version 4). Pure.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningParams, SigningSettings, sign as signature},
    sign::v4,
};
use reqwest::{
    Request,
    header::{HeaderName, HeaderValue},
};

/// Names the operation in AWS's JSON protocols.
pub(super) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The headers that are signed beside the host and those that signing adds; a proxy may change others.
const SIGNED: [&str; 2] = ["content-type", "x-amz-target"];

/// Adds the headers that sign a request, the body's hash among them, which OpenSearch Serverless wants. Errors are for people.
pub(super) fn sign(request: &mut Request, credentials: &Credentials, region: &str, service: &str, at: SystemTime) -> Result<(), String> {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder().identity(&identity).region(region).name(service).time(at).settings(settings);
    let params: SigningParams<'_> = params.build().map_err(|error| error.to_string())?.into();
    let body = request.body().map(|body| body.as_bytes().ok_or("its body is a stream")).transpose()?.unwrap_or_default();
    let headers = SIGNED.iter().filter_map(|name| Some((*name, request.headers().get(*name)?.to_str().ok()?)));
    let signable = SignableRequest::new(request.method().as_str(), request.url().as_str(), headers, SignableBody::Bytes(body));
    let output = signable.and_then(|signable| signature(signable, &params)).map_err(|error| error.to_string())?;
    let (headers, _) = output.into_parts().0.into_parts();
    for header in headers {
        let mut value = HeaderValue::from_str(header.value()).map_err(|_| "the credentials hold what no header can")?;
        value.set_sensitive(header.sensitive());
        request.headers_mut().insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}
