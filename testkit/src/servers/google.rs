//! Service accounts of Google Cloud, for servers that look at tokens.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::json;

use crate::scratch::Scratch;

/// A service account with its key, as files.
#[derive(Debug)]
pub struct Account {
    scratch: Scratch,
}

impl Account {
    /// Makes an account whose name holds this text, and so does the folder of its files.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).context("could not make an RSA key")?;
        let scratch = Scratch::new(name)?;
        let file = json!({
            "type": "service_account",
            "project_id": "project",
            "private_key_id": name,
            "private_key": key.serialize_pem(),
            "client_email": format!("{name}@project.iam.gserviceaccount.com"),
            "client_id": "1",
            "token_uri": "https://127.0.0.1:1/token",
        });
        scratch.write("account.json", &file.to_string())?;
        scratch.write("public.pem", &key.public_key_pem())?;
        Ok(Self { scratch })
    }

    /// The credentials file.
    pub fn file(&self) -> PathBuf {
        self.scratch.path().join("account.json")
    }

    /// The public key, PEM.
    pub fn public_key(&self) -> PathBuf {
        self.scratch.path().join("public.pem")
    }
}
