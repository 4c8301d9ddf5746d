//! `file` and the file system; a place is a file.

use anyhow::Result;
use herald_testkit::{
    scratch::{Scratch, json_lines},
    servers::Certificates,
    tools::Tool,
};
use serde_json::Value;

use crate::kind::{Kind, Refused, Wrong, not, quoted};

pub(crate) struct File(Scratch);

const NO_SERVER: &str = "a file system is no server";

impl Kind for File {
    const KIND: &'static str = "file";
    const NEEDS: &'static [Tool] = &[];
    const EXACTLY_ONCE: bool = false;

    async fn start() -> Result<Self> {
        Ok(Self(Scratch::new("files")?))
    }

    async fn product(&self) -> Result<String> {
        Ok("the file system, the folder taken away instead of a restart".to_owned())
    }

    fn keys(&self, place: &str) -> String {
        format!("{{path: {}}}", quoted(&self.0.path().join("files").join(place)))
    }

    async fn arrived(&self, place: &str) -> Result<Vec<Value>> {
        json_lines(&self.0.path().join("files").join(place))
    }

    /// The folder is another: what is there cannot be written.
    async fn stop(&mut self) -> Result<()> {
        std::fs::rename(self.0.path().join("files"), self.0.path().join("away"))?;
        Ok(std::fs::write(self.0.path().join("files"), "")?)
    }

    async fn start_again(&mut self) -> Result<()> {
        std::fs::remove_file(self.0.path().join("files"))?;
        Ok(std::fs::rename(self.0.path().join("away"), self.0.path().join("files"))?)
    }

    async fn refuse(&mut self, _: &str) -> Result<Refused> {
        not("a file takes any event")
    }

    async fn throttle(&mut self, _: &str) -> Result<()> {
        not("a file takes events as fast as they come")
    }

    async fn wrong_credentials(&mut self, _: &str) -> Result<Wrong> {
        not(NO_SERVER)
    }

    async fn start_tls(_: &Certificates) -> Result<Self> {
        not(NO_SERVER)
    }
}
