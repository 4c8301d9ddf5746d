//! Where a service of AWS is (AWS General Reference, "Service endpoints"). Pure.

/// Which of a service's addresses is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// With cryptography validated by FIPS 140.
    pub(crate) fips: bool,
    /// Reached by IPv4 and IPv6.
    pub(crate) dual_stack: bool,
}

/// A partition: how its regions begin, the domain of its addresses, and the one of those with IPv6.
struct Partition {
    prefix: &'static str,
    domain: &'static str,
    dual_stack: &'static str,
}

/// The last is the rest of the world.
const PARTITIONS: &[Partition] = &[
    Partition { prefix: "cn-", domain: "amazonaws.com.cn", dual_stack: "api.amazonwebservices.com.cn" },
    Partition { prefix: "us-isob-", domain: "sc2s.sgov.gov", dual_stack: "api.aws.scloud" },
    Partition { prefix: "us-isof-", domain: "csp.hci.ic.gov", dual_stack: "api.aws.hci.ic.gov" },
    Partition { prefix: "us-iso-", domain: "c2s.ic.gov", dual_stack: "api.aws.ic.gov" },
    Partition { prefix: "eu-isoe-", domain: "cloud.adc-e.uk", dual_stack: "api.cloud-aws.adc-e.uk" },
    Partition { prefix: "eusc-", domain: "amazonaws.eu", dual_stack: "api.amazonwebservices.eu" },
    Partition { prefix: "", domain: "amazonaws.com", dual_stack: "api.aws" },
];

/// Services whose ordinary address in GovCloud is the one with FIPS.
const FIPS_ANYWAY: [&str; 5] = ["kinesis", "sns", "sqs", "events", "ssm"];

/// The address of a service in a region.
pub(super) fn of(service: &str, region: &str, Variant { fips, dual_stack }: Variant) -> String {
    let partition = PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix));
    let domain = partition.map_or("amazonaws.com", |partition| if dual_stack { partition.dual_stack } else { partition.domain });
    let is_named_so = fips && !(region.starts_with("us-gov-") && !dual_stack && FIPS_ANYWAY.contains(&service));
    let fips = if is_named_so { "-fips" } else { "" };
    format!("https://{service}{fips}.{region}.{domain}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_service_endpoints() {
        let (plain, fips) = (Variant::default(), Variant { fips: true, dual_stack: false });
        let (dual_stack, both) = (Variant { fips: false, dual_stack: true }, Variant { fips: true, dual_stack: true });
        for (service, region, variant, want) in [
            ("sqs", "eu-west-1", plain, "https://sqs.eu-west-1.amazonaws.com/"),
            ("kinesis", "cn-north-1", plain, "https://kinesis.cn-north-1.amazonaws.com.cn/"),
            ("events", "us-iso-east-1", plain, "https://events.us-iso-east-1.c2s.ic.gov/"),
            ("sns", "us-isob-east-1", plain, "https://sns.us-isob-east-1.sc2s.sgov.gov/"),
            ("sqs", "eusc-de-east-1", plain, "https://sqs.eusc-de-east-1.amazonaws.eu/"),
            ("firehose", "us-east-2", fips, "https://firehose-fips.us-east-2.amazonaws.com/"),
            ("sns", "us-gov-west-1", fips, "https://sns.us-gov-west-1.amazonaws.com/"),
            ("firehose", "us-gov-west-1", fips, "https://firehose-fips.us-gov-west-1.amazonaws.com/"),
            ("ssm", "eu-central-1", dual_stack, "https://ssm.eu-central-1.api.aws/"),
            ("kinesis", "cn-north-1", dual_stack, "https://kinesis.cn-north-1.api.amazonwebservices.com.cn/"),
            ("events", "us-east-1", both, "https://events-fips.us-east-1.api.aws/"),
        ] {
            assert_eq!(of(service, region, variant), want);
        }
    }
}
