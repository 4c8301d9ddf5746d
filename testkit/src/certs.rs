//! Certificates for tests: an authority of one's own and what it signs, as PEM.

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate with its private key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// A certificate authority that exists as long as this value.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes an authority with a new key.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("could not make the authority's key")?;
        let certificate = params.self_signed(&key).context("could not sign the authority's certificate")?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Makes a server certificate for the given host names and IP addresses.
    pub fn server(&self, hosts: &[&str]) -> Result<Identity> {
        self.sign(&server(hosts)?)
    }

    /// Makes a server certificate that was valid until the end of 2020.
    pub fn expired_server(&self, hosts: &[&str]) -> Result<Identity> {
        let mut params = server(hosts)?;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 12, 31);
        self.sign(&params)
    }

    /// Makes a client certificate. To Kubernetes the name is the user and the groups, at most two of them, are the user's groups.
    pub fn client(&self, name: &str, groups: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        // rcgen keeps one value for each type of a name; the type written as its number counts as another.
        let types = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        if groups.len() > types.len() {
            bail!("a client certificate for {name} can hold two groups, not {}", groups.len());
        }
        for (kind, &group) in types.into_iter().zip(groups) {
            params.distinguished_name.push(kind, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// Makes a client certificate with host names and IP addresses as its alternative names.
    pub fn client_of(&self, hosts: &[&str]) -> Result<Identity> {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).context("not a host name")?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate().context("could not make a key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("could not sign a certificate")?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}

fn server(hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).context("not a host name")?;
    params.distinguished_name.push(DnType::CommonName, "server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A key pair for signing tokens: the public and the private key, PEM.
pub fn signing_keys() -> Result<(String, String)> {
    let key = KeyPair::generate().context("could not make a key")?;
    Ok((key.public_key_pem(), key.serialize_pem()))
}
