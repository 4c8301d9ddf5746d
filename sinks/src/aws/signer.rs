//! Signed requests to a server that is not an API of AWS's own: Amazon OpenSearch Service and OpenSearch Serverless.

use futures_util::{FutureExt as _, future::BoxFuture};
use reqwest::{RequestBuilder, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use super::account::{Account, CredentialKeys};
use crate::{http::Sign, keys::Keys, sink::SendError};

/// The keys of `aws`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SigningKeys {
    /// `es` or `aoss` (OpenSearch Serverless); what the address says when it is not set.
    pub(crate) service: String,
    /// Region of the domain or collection; what the address says, or the environment's, when it is not set.
    pub(crate) region: String,
    /// Who to be at AWS.
    credentials: CredentialKeys,
    /// Whether the collection of OpenSearch Serverless is a time series, which takes no document ids.
    pub(crate) time_series: bool,
}

const SERVERLESS: &str = "aoss";
const SERVICES: [&str; 2] = ["es", SERVERLESS];

/// Signs requests to a domain or collection.
pub(crate) struct Signer {
    account: Account,
    service: &'static str,
}

impl Signer {
    /// Reads the keys; no request is made.
    pub(crate) fn new(keys: &mut Keys<'_>, config: &SigningKeys, hosts: &[Url]) -> Self {
        keys.one_of("aws.service", &SERVICES);
        let told = hosts.first().and_then(told);
        let service = SERVICES.into_iter().find(|service| *service == config.service);
        let service = service.or(told.map(|(service, _)| service)).unwrap_or(SERVICES[0]);
        let region = if config.region.is_empty() { told.map(|(_, region)| region).unwrap_or_default() } else { &config.region };
        Self { account: Account::new(keys, "aws.credentials", region, &config.credentials), service }
    }

    /// Whether it is for OpenSearch Serverless.
    pub(crate) fn is_serverless(&self) -> bool {
        self.service == SERVERLESS
    }
}

/// Service and region in an address: `NAME.REGION.es.amazonaws.com`, `ID.REGION.aoss.amazonaws.com`.
fn told(host: &Url) -> Option<(&'static str, &str)> {
    let labels: Vec<&str> = host.host_str()?.split('.').collect();
    let at = labels.iter().position(|label| label.starts_with("amazonaws"))?;
    let (region, service) = (labels.get(at.checked_sub(2)?)?, labels.get(at - 1)?);
    SERVICES.into_iter().find(|known| known == service).map(|service| (service, *region))
}

impl Sign for Signer {
    fn sign(&self, request: RequestBuilder) -> BoxFuture<'_, Result<RequestBuilder, SendError>> {
        self.account.sign(request, self.service).boxed()
    }

    fn refused(&self) -> BoxFuture<'_, ()> {
        self.account.renew().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_and_region_are_in_the_address() {
        let told = |host: &str| {
            let url = Url::parse(host).expect("an address");
            told(&url).map(|(service, region)| (service, region.to_owned()))
        };
        let some = |service, region: &str| Some((service, region.to_owned()));
        assert_eq!(told("https://search-events-abc.eu-west-1.es.amazonaws.com"), some("es", "eu-west-1"));
        assert_eq!(told("https://vpc-events-abc.cn-north-1.es.amazonaws.com.cn"), some("es", "cn-north-1"));
        assert_eq!(told("https://07tjusf2h91cunochc.us-east-1.aoss.amazonaws.com"), some("aoss", "us-east-1"));
        assert_eq!(told("https://search.example.com"), None);
        assert_eq!(told("https://amazonaws.com"), None);
    }
}
