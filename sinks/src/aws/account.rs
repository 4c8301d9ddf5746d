//! Who Herald is at AWS, and in which region.
//!
//! In go a receiver's keys; out come credentials, and requests signed with them. They are looked for when they are needed first: in the profile or file that is
//! named, otherwise by AWS's default chain (variables, profile, web identity as with IRSA, ECS and EKS Pod Identity, the instance's metadata); a role is then
//! taken on by STS. They are kept until they end in five minutes or the service does not like them any more. Errors never hold them.

use std::{
    error::Error,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{
    BehaviorVersion, Region, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig, sts::AssumeRoleProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use reqwest::RequestBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{connector, endpoint::Variant, sign};
use crate::{keys::Keys, sink::SendError};

/// The keys of `credentials`. Without any, AWS's default chain is followed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CredentialKeys {
    /// Profile of AWS's configuration and credentials files.
    pub(crate) profile: String,
    /// Credentials file in AWS's own format, instead of `~/.aws/credentials`.
    pub(crate) file: Option<PathBuf>,
    /// Role to take on, such as one of another account.
    #[serde(rename = "roleARN")]
    pub(crate) role_arn: String,
}

/// How long looking for region and credentials may take: with time to say so before an attempt ends.
const PATIENCE: Duration = Duration::from_secs(20);
/// Credentials that end sooner are renewed.
const SOON: Duration = Duration::from_secs(300);
/// Names Herald's sessions in a role.
const SESSION: &str = "herald";

/// Who Herald is for one receiver.
pub(crate) struct Account {
    region: Option<String>,
    keys: CredentialKeys,
    held: Mutex<Held>,
}

/// What was found out so far.
#[derive(Default)]
struct Held {
    place: Option<Arc<Place>>,
    credentials: Option<Credentials>,
}

/// The region, and what belongs to it.
pub(super) struct Place {
    pub(super) region: String,
    pub(super) variant: Variant,
    /// Of the environment or the profile: `AWS_ENDPOINT_URL`, `endpoint_url`.
    pub(super) endpoint: Option<String>,
    provider: SharedCredentialsProvider,
}

impl Account {
    /// Reads the keys, those of the credentials under `path`; no request is made.
    pub(crate) fn new(keys: &mut Keys<'_>, path: &str, region: &str, credentials: &CredentialKeys) -> Self {
        if let Some(Err(error)) = credentials.file.as_ref().map(std::fs::metadata) {
            keys.require(false, &format!("{path}.file"), &format!("expected a file that can be read: {error}"));
        }
        let is_arn = credentials.role_arn.is_empty() || credentials.role_arn.starts_with("arn:");
        keys.require(is_arn, &format!("{path}.roleARN"), "expected an ARN, for example arn:aws:iam::123456789012:role/herald");
        Self { region: (!region.is_empty()).then(|| region.to_owned()), keys: credentials.clone(), held: Mutex::default() }
    }

    /// The region and what belongs to it.
    pub(super) async fn place(&self) -> Result<Arc<Place>, SendError> {
        self.look_for(&mut *self.held.lock().await).await
    }

    async fn look_for(&self, held: &mut Held) -> Result<Arc<Place>, SendError> {
        match &held.place {
            Some(place) => Ok(place.clone()),
            None => Ok(held.place.insert(Arc::new(in_time("region", self.find_place()).await?)).clone()),
        }
    }

    /// The region, and credentials that are good for a while. Those who ask while they are being loaded wait for them.
    pub(super) async fn ready(&self) -> Result<(Arc<Place>, Credentials), SendError> {
        let mut held = self.held.lock().await;
        let place = self.look_for(&mut held).await?;
        let now = SystemTime::now();
        let is_good = |time: Duration| move |credentials: &&Credentials| credentials.expiry().is_none_or(|end| end > now + time);
        if let Some(credentials) = held.credentials.as_ref().filter(is_good(SOON)) {
            return Ok((place, credentials.clone()));
        }
        let loaded = in_time("credentials", async {
            let provided = place.provider.provide_credentials().await;
            provided.map_err(|error| SendError::outage(format!("no credentials for AWS: {}; {ADVICE}", chain(&error))))
        });
        let credentials = match loaded.await {
            Ok(credentials) => held.credentials.insert(credentials).clone(),
            Err(error) => held.credentials.as_ref().filter(is_good(Duration::ZERO)).cloned().ok_or(error)?,
        };
        Ok((place, credentials))
    }

    /// Forgets the credentials, which a service did not like, and where they came from: a file may have changed.
    pub(crate) async fn renew(&self) {
        *self.held.lock().await = Held::default();
    }

    /// Signs a request to a service.
    pub(crate) async fn sign(&self, request: RequestBuilder, service: &str) -> Result<RequestBuilder, SendError> {
        let (place, credentials) = self.ready().await?;
        let (client, request) = request.build_split();
        // The error's own words may hold the address's secrets.
        let mut request = request.map_err(|error| SendError::outage(format!("no request can be made: {}", error.without_url())))?;
        sign::sign(&mut request, &credentials, &place.region, service, SystemTime::now())
            .map_err(|reason| SendError::outage(format!("the request cannot be signed: {reason}")))?;
        Ok(RequestBuilder::from_parts(client, request))
    }

    async fn find_place(&self) -> Result<Place, SendError> {
        let CredentialKeys { profile, file, role_arn } = &self.keys;
        let http = connector::client().map_err(|error| SendError::outage(format!("no HTTP client for AWS's credentials: {error}")))?;
        let files = file.as_ref().map(|file| {
            EnvConfigFiles::builder().include_default_config_file(true).with_file(EnvConfigFileKind::Credentials, file).build()
        });
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if !profile.is_empty() {
            loader = loader.profile_name(profile);
        }
        if let Some(files) = &files {
            loader = loader.profile_files(files.clone());
        }
        let config = loader.load().await;
        let region = config
            .region()
            .ok_or_else(|| SendError::outage("no region for AWS: set region, or AWS_REGION in the environment".to_owned()))?;
        // What is named goes before what the environment offers.
        let named = (!profile.is_empty() || files.is_some()).then(|| {
            let mut builder = ProfileFileCredentialsProvider::builder()
                .configure(&ProviderConfig::without_region().with_http_client(http).with_region(Some(region.clone())));
            if !profile.is_empty() {
                builder = builder.profile_name(profile);
            }
            if let Some(files) = files {
                builder = builder.profile_files(files);
            }
            SharedCredentialsProvider::new(builder.build())
        });
        let mut provider = named
            .or_else(|| config.credentials_provider())
            .ok_or_else(|| SendError::outage(format!("no credentials for AWS; {ADVICE}")))?;
        if !role_arn.is_empty() {
            let role = AssumeRoleProvider::builder(role_arn).session_name(SESSION).configure(&config);
            provider = SharedCredentialsProvider::new(role.build_from_provider(provider).await);
        }
        let variant = Variant { fips: config.use_fips() == Some(true), dual_stack: config.use_dual_stack() == Some(true) };
        Ok(Place { region: region.to_string(), variant, endpoint: config.endpoint_url().map(str::to_owned), provider })
    }
}

const ADVICE: &str = "give the pod a role (IRSA, EKS Pod Identity), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile";

/// Does not let a metadata service that never answers hide what is missing.
async fn in_time<T>(what: &str, looking: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.unwrap_or_else(|_| Err(SendError::outage(format!("no {what} for AWS within {PATIENCE:?}; {ADVICE}"))))
}

/// An error and what it came from.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    crate::http::one_line(&text)
}
