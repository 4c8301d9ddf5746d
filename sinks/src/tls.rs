//! The `tls` keys of receivers, and the rustls configuration they mean.
//!
//! Certificates are verified unless `insecureSkipVerify` says otherwise: for the name in the address, or for `serverName` when it is set.

use std::{path::Path, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The keys of `tls`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Tls {
    /// Whether any certificate is taken. Only for tests.
    pub insecure_skip_verify: bool,
    /// The name the certificate must bear, when it is not the address's.
    pub server_name: String,
    /// PEM file of the authorities that sign the server's certificate; the system's when it is not set.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
}

/// A key of `tls` and what is wrong with it.
type Fault = (&'static str, String);

impl Tls {
    /// Makes the configuration these keys mean; `None` when none is set.
    ///
    /// # Errors
    /// The key that cannot work, and why.
    pub(crate) fn config(&self) -> Result<Option<ClientConfig>, Fault> {
        let Self { insecure_skip_verify, server_name, ca_file, cert_file, key_file } = self;
        if !insecure_skip_verify && server_name.is_empty() && [ca_file, cert_file, key_file].iter().all(|file| file.is_none()) {
            return Ok(None);
        }
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ("insecureSkipVerify", format!("cannot set up TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match (cert_file, key_file) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates("certFile", certificate)?, private_key(key)?)
                .map_err(|error| ("certFile", format!("{} and {} do not fit: {error}", certificate.display(), key.display())))?,
            (Some(_), None) => return Err(("certFile", "needs keyFile beside it".to_owned())),
            (None, Some(_)) => return Err(("keyFile", "needs certFile beside it".to_owned())),
            (None, None) => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(config))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
        if self.insecure_skip_verify {
            return Ok(Arc::new(Unverified { provider }));
        }
        let verifier: Arc<dyn ServerCertVerifier> = match &self.ca_file {
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("caFile", file)? {
                    roots.add(certificate).map_err(|error| ("caFile", format!("{}: {error}", file.display())))?;
                }
                let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
                verifier.map_err(|error| ("caFile", format!("{}: {error}", file.display())))?
            }
            None => Arc::new(
                rustls_platform_verifier::Verifier::new(provider)
                    .map_err(|error| ("caFile", format!("the system's authorities cannot be used, name a file: {error}")))?,
            ),
        };
        if self.server_name.is_empty() {
            return Ok(verifier);
        }
        let name = ServerName::try_from(self.server_name.clone())
            .map_err(|error| ("serverName", format!("found {:?}, expected a host name or IP address: {error}", self.server_name)))?;
        Ok(Arc::new(Named { verifier, name }))
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| (key, format!("cannot read {}: {error}", path.display())))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(key, path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| (key, format!("{} is no PEM file: {error}", path.display())))?;
    if found.is_empty() { Err((key, format!("{} holds no certificate in PEM form", path.display()))) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(&read("keyFile", path)?)
        .map_err(|_| ("keyFile", format!("{} holds no private key in PEM form", path.display())))
}

/// Verifies for a given name instead of the address's.
#[derive(Debug)]
struct Named {
    verifier: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Takes any certificate; the handshake must still be signed with its key.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
