//! The TLS of the metrics address: from `tls_server_config` to what rustls needs.
//!
//! In goes the section; out comes a server's configuration, or the first problem. TLS 1.2 and 1.3 are spoken, whatever older version a file allows.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};

use super::{
    client::{AnyClient, NamedClient},
    web_config::{ClientAuth, Pem, Reader, Tls, Version},
};
use crate::config::{Located, Problem};

/// Returns the configuration of a server; `None` when the section asks for none.
///
/// # Errors
/// The first thing that cannot work.
pub(super) fn server(section: &Tls, reader: &mut Reader<'_>) -> Result<Option<ServerConfig>, Problem> {
    let key = section.key.as_ref().map(|key| Located { value: key.value.expose().to_owned(), ..located(key) });
    let certificate = reader.pem("cert", section.cert.clone(), section.cert_file.as_ref())?;
    let key = reader.pem("key", key, section.key_file.as_ref())?;
    let authority = reader.pem("client_ca", section.client_ca.clone(), section.client_ca_file.as_ref())?;
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) if section.is_empty() => return Ok(None),
        (None, _) => return Err(reader.problem("cert_file is missing")),
        (_, None) => return Err(reader.problem("key_file is missing")),
    };
    let provider = Arc::new(provider(section)?);
    let versions = versions(section)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|_| reader.problem("none of cipher_suites and curve_preferences can be used with min_version and max_version"))?;
    let builder = match verifier(section, authority, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(&certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&key.bytes).map_err(|_| key.problem("this holds no private key in PEM form".to_owned()))?;
    let mut server = builder
        .with_single_cert(chain, private)
        .map_err(|error| certificate.problem(format!("certificate and key cannot be used: {error}")))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.ignore_client_order = section.prefer_server_cipher_suites.unwrap_or(true);
    Ok(Some(server))
}

impl Tls {
    /// Whether nothing is set.
    fn is_empty(&self) -> bool {
        self.client_ca.is_none()
            && self.client_ca_file.is_none()
            && self.client_auth_type.value == ClientAuth::NoClientCert
            && self.client_allowed_sans.is_empty()
            && self.min_version.is_none()
            && self.max_version.is_none()
            && self.cipher_suites.is_empty()
            && self.curve_preferences.is_empty()
            && self.prefer_server_cipher_suites.is_none()
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(&pem.bytes).collect::<Result<_, _>>().map_err(|_| pem.problem("this is not PEM".to_owned()))?;
    if all.is_empty() { Err(pem.problem("this holds no certificate in PEM form".to_owned())) } else { Ok(all) }
}

fn versions(section: &Tls) -> Result<Vec<&'static SupportedProtocolVersion>, Problem> {
    let least = section.min_version.as_ref().map_or(Version::Tls12, |version| version.value);
    let most = section.max_version.as_ref().map_or(Version::Tls13, |version| version.value);
    let spoken: Vec<_> = [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (least..=most).contains(version))
        .map(|(_, version)| version)
        .collect();
    match (&section.max_version, spoken.is_empty()) {
        (Some(most), true) if most.value < Version::Tls12 => {
            Err(most.problem("found a version before TLS12, which is not spoken".to_owned()))
        }
        (Some(most), true) => Err(most.problem("is below min_version".to_owned())),
        _ => Ok(spoken),
    }
}

/// The cryptography, narrowed to the suites and curves that are wanted.
fn provider(section: &Tls) -> Result<CryptoProvider, Problem> {
    let mut provider = aws_lc_rs::default_provider();
    if !section.cipher_suites.is_empty() {
        // As in Go the list is about TLS 1.2; the suites of TLS 1.3 are always there.
        let known: Vec<_> = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none()).copied().collect();
        let mut wanted: Vec<_> = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_some()).copied().collect();
        for name in &section.cipher_suites {
            let is_of_13 = provider.cipher_suites.iter().any(|suite| suite.tls13().is_some() && go_name(*suite) == name.value);
            match known.iter().find(|suite| go_name(**suite) == name.value) {
                Some(suite) => wanted.push(*suite),
                None if is_of_13 => {}
                None => {
                    let names: Vec<String> = known.iter().map(|suite| go_name(*suite)).collect();
                    return Err(unknown(name, &names));
                }
            }
        }
        provider.cipher_suites = wanted;
    }
    if !section.curve_preferences.is_empty() {
        const NAMES: [(&str, rustls::NamedGroup); 4] = [
            ("CurveP256", rustls::NamedGroup::secp256r1),
            ("CurveP384", rustls::NamedGroup::secp384r1),
            ("X25519", rustls::NamedGroup::X25519),
            ("X25519MLKEM768", rustls::NamedGroup::X25519MLKEM768),
        ];
        let mut wanted = Vec::new();
        for name in &section.curve_preferences {
            let group = NAMES.iter().find(|(known, _)| *known == name.value);
            match group.and_then(|(_, group)| aws_lc_rs::ALL_KX_GROUPS.iter().find(|known| known.name() == *group)) {
                Some(group) => wanted.push(*group),
                None => return Err(unknown(name, &NAMES.map(|(name, _)| name.to_owned()))),
            }
        }
        provider.kx_groups = wanted;
    }
    Ok(provider)
}

fn unknown(name: &Located<String>, known: &[String]) -> Problem {
    name.problem(format!("found {:?}, expected one of {}", name.value, known.join(", ")))
}

/// Go's name of a suite: that of the standard.
fn go_name(suite: rustls::SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn verifier(section: &Tls, authority: Option<Pem>, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, Problem> {
    let policy = &section.client_auth_type;
    let verifies = matches!(policy.value, ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert);
    if let Some(name) = section.client_allowed_sans.first().filter(|_| !verifies) {
        return Err(name.problem("needs a client_auth_type that verifies, such as RequireAndVerifyClientCert".to_owned()));
    }
    let Some(authority) = authority else {
        return match policy.value {
            ClientAuth::NoClientCert => Ok(None),
            ClientAuth::RequestClientCert => Ok(Some(Arc::new(AnyClient::new(provider.clone(), false)))),
            ClientAuth::RequireAnyClientCert => Ok(Some(Arc::new(AnyClient::new(provider.clone(), true)))),
            _ => Err(policy.problem("needs client_ca_file beside it".to_owned())),
        };
    };
    if !verifies {
        return Err(authority.problem("needs a client_auth_type that verifies, such as RequireAndVerifyClientCert".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&authority)? {
        roots.add(certificate).map_err(|error| authority.problem(format!("this holds no authority: {error}")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let builder = if policy.value == ClientAuth::VerifyClientCertIfGiven { builder.allow_unauthenticated() } else { builder };
    let verifier = builder.build().map_err(|error| authority.problem(format!("this holds no authority: {error}")))?;
    if section.client_allowed_sans.is_empty() {
        return Ok(Some(verifier));
    }
    let names = section.client_allowed_sans.iter().map(|name| name.value.clone()).collect();
    Ok(Some(Arc::new(NamedClient::new(verifier, names))))
}

/// The place of a value, without it.
fn located<T>(from: &Located<T>) -> Located<String> {
    Located { value: String::new(), line: from.line, column: from.column, path: from.path.clone(), hidden: from.hidden }
}
