//! What the `nats:` section names outside the file: addresses, certificates, credentials and seeds.
//!
//! Files are read, no server is asked. No message repeats a secret.

use std::path::Path;

use super::Nats;
use crate::{
    config::{Findings, Node},
    pem, small_file,
};

impl Nats {
    /// Checks addresses, certificates and logins; `root` is the whole file.
    pub(super) fn check_outside(&self, root: &Node, findings: &mut Findings) {
        let mut refuse = |path: &str, message: &str| findings.errors.push(root.unfit(&format!("nats.{path}"), message));
        let certificates = self.tls.cert_file.as_deref().map(pem::certificates);
        if let Some(Err(reason)) = &certificates {
            refuse("tls.certFile", reason);
        }
        if let (Some(Ok(certificates)), Some(key)) = (&certificates, &self.tls.key_file)
            && let Err(reason) = pem::private_key(key, certificates)
        {
            refuse("tls.keyFile", &reason);
        }
        if let Some(Err(reason)) = self.tls.ca_file.as_deref().map(pem::certificates) {
            refuse("tls.caFile", &reason);
        }
        if let Some(Err(reason)) = self.credentials.as_deref().map(credentials) {
            refuse("credentials", &reason);
        }
        let mut refuse = |path: &str, message: &str| findings.errors.push(root.problem_at(&format!("nats.{path}"), message.to_owned()));
        if self.nkey.as_ref().is_some_and(|seed| !is_user_seed(seed.expose())) {
            refuse("nkey", "this is no seed of a user; give the one that begins with SU, as `nk -gen user` prints it");
        }
        for (key, addresses) in [("url", self.url.as_slice()), ("urls", &self.urls)] {
            let all = addresses.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|address| !address.is_empty());
            for reason in all.filter_map(|address| address.parse::<async_nats::ServerAddr>().err()) {
                let hidden = root.get("nats").and_then(|nats| nats.get(key)).is_some_and(|node| !node.is_shown());
                let reason = reason.to_string();
                let reason = reason.rsplit_once(": ").map_or(reason.as_str(), |(said, what)| match said.contains("scheme") {
                    true => "nats, tls, ws and wss are its schemes",
                    false => what,
                });
                let reason = if hidden { String::new() } else { format!(": {reason}") };
                refuse(key, &format!("this is no address of a NATS server{reason}; write nats://host:4222 or tls://host:4222"));
            }
        }
    }
}

/// Reads a `.creds` file.
fn credentials(path: &Path) -> Result<(), String> {
    let text = small_file::read_text(path).map_err(|error| format!("which cannot be read: {error}; name a .creds file that is there"))?;
    let options = async_nats::ConnectOptions::new().credentials(&text);
    options.map(|_| ()).map_err(|_| "which is no .creds file; name one that holds a JWT and a seed".to_owned())
}

fn is_user_seed(seed: &str) -> bool {
    seed.starts_with("SU") && nkeys::KeyPair::from_seed(seed).is_ok()
}
