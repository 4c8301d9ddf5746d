//! The `tls` keys of receivers, and the rustls configuration they mean.
//!
//! Certificates are verified unless `insecureSkipVerify` says otherwise: for the name in the address, or for `serverName` when it is set.

use std::{path::Path, path::PathBuf, sync::Arc};

use herald_common::pem;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::keys::Keys;

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

impl Tls {
    /// Makes the configuration these keys mean; none when none is set. What is wrong with them is among the findings of `keys`, which has them under `tls`.
    pub(crate) fn config(&self, keys: &mut Keys<'_>) -> Option<ClientConfig> {
        let Self { insecure_skip_verify, server_name, ca_file, cert_file, key_file } = self;
        if !insecure_skip_verify && server_name.is_empty() && [ca_file, cert_file, key_file].iter().all(|file| file.is_none()) {
            return None;
        }
        self.client_config(keys)
    }

    /// Makes the configuration these keys mean, with the system's authorities when none is set. No application protocol is offered.
    pub(crate) fn client_config(&self, keys: &mut Keys<'_>) -> Option<ClientConfig> {
        let Self { cert_file, key_file, .. } = self;
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = self.verifier(keys, provider.clone());
        keys.beside("tls.certFile", "keyFile");
        keys.beside("tls.keyFile", "certFile");
        let certificates = cert_file.as_deref().and_then(|file| fine(keys, "certFile", pem::certificates(file)));
        let key = match (&certificates, key_file) {
            (Some(certificates), Some(file)) => fine(keys, "keyFile", pem::private_key(file, certificates)),
            _ => None,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own cipher suites serve the default versions")
            .dangerous()
            .with_custom_certificate_verifier(verifier?);
        let config = match (certificates, key) {
            (Some(certificates), Some(key)) => {
                let config = builder.with_client_auth_cert(certificates, key).map_err(|error| format!("which cannot be used: {error}"));
                fine(keys, "certFile", config)?
            }
            _ => builder.with_no_client_auth(),
        };
        Some(config)
    }

    fn verifier(&self, keys: &mut Keys<'_>, provider: Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
        if self.insecure_skip_verify {
            return Some(Arc::new(Unverified { provider }));
        }
        let name = (!self.server_name.is_empty()).then(|| {
            let name = ServerName::try_from(self.server_name.clone());
            fine(keys, "serverName", name.map_err(|_| "expected a host name or IP address".to_owned()))
        });
        let verifier = match &self.ca_file {
            Some(file) => fine(keys, "caFile", authorities(file, provider)),
            None => {
                let system = rustls_platform_verifier::Verifier::new(provider);
                let system = system.map_err(|error| format!("and the system's authorities cannot be used: {error}; name a file"));
                fine(keys, "caFile", system.map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>))
            }
        };
        match name {
            None => verifier,
            Some(name) => Some(Arc::new(Named { verifier: verifier?, name: name? })),
        }
    }
}

/// Takes what is fine; the rest is an error about this key of `tls`.
fn fine<T>(keys: &mut Keys<'_>, key: &str, result: Result<T, String>) -> Option<T> {
    result.map_err(|reason| keys.require(false, &format!("tls.{key}"), &reason)).ok()
}

/// Verifies by the authorities of a file.
fn authorities(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file)? {
        roots.add(certificate).map_err(|error| format!("which holds no authority that can be used: {error}; name another file"))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    Ok(verifier.map_err(|error| format!("which holds no authority that can be used: {error}; name another file"))?)
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
