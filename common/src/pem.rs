//! Certificates and keys in PEM files.
//!
//! In goes a path; out comes what the file holds, or a clause that says what is wrong with it. The clause never repeats the path, which may be secret, or
//! anything of the file.

use std::path::Path;

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use crate::small_file;

/// Reads the certificates of a file; there is at least one.
///
/// # Errors
/// What is wrong, as a clause about the file: `which cannot be read: …`.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| "which is a damaged PEM file; name a PEM file of certificates".to_owned())?;
    if found.is_empty() { Err("which holds no certificate in PEM form; name a PEM file of certificates".to_owned()) } else { Ok(found) }
}

/// Reads a private key that belongs to these certificates.
///
/// # Errors
/// What is wrong, as a clause about the file.
pub fn private_key(path: &Path, certificates: &[CertificateDer<'static>]) -> Result<PrivateKeyDer<'static>, String> {
    let key = PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|_| "which holds no private key in PEM form; name the PEM file of the certificate's key".to_owned())?;
    CertifiedKey::from_der(certificates.to_vec(), key.clone_key(), &aws_lc_rs::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => "which is not the key of certFile; name the key that belongs to it".to_owned(),
        other => format!("which cannot be used with certFile: {other}; name a key and a certificate that belong together"),
    })?;
    Ok(key)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    small_file::read(path).map_err(|error| format!("which cannot be read: {error}; name a PEM file that is there"))
}
