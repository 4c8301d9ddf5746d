//! What AWS says against a call or an entry of one, and what that means for the events. Pure.
//!
//! Too many calls and faults of the service say that the receiver is not there now; a missing permission, bad credentials, a wrong clock and a missing queue
//! are faults of the configuration, which are waited for in the same way, so that no event is given up because of them. Everything else is about the event.

use serde::Deserialize;

use super::Operation;
use crate::{
    http::one_line,
    sink::{Refusal, SendError},
};

/// What AWS said against something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The error's code, without its namespace.
    pub(crate) code: String,
    pub(crate) message: String,
    /// Whether the service takes the blame; the code goes first.
    pub(crate) is_services: bool,
}

/// What is said of an entry where entries are told by their place.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Outcome {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl Outcome {
    /// Tells what it means for a batch of `all`; a code nobody knows is about the service, or else about the entry.
    pub(crate) fn settle(outcomes: &[Self], all: usize, is_services: bool, operation: Operation) -> Result<(), SendError> {
        if outcomes.len() != all {
            return Err(SendError::outage(format!("{} answered about {} of {all} entries", operation.name, outcomes.len())));
        }
        let said = |outcome: &Self| {
            let code = outcome.error_code.as_deref().filter(|code| !code.is_empty())?;
            Some(Said::new(code, outcome.error_message.as_deref().unwrap_or_default(), is_services))
        };
        let refused: Vec<_> = outcomes.iter().enumerate().filter_map(|(at, outcome)| Some((at, said(outcome)?))).collect();
        settle(&refused, all, operation)
    }
}

/// What a code means for the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Too much at once, or the service is not well.
    Busy,
    /// A permission is missing.
    Denied,
    /// The credentials are not good, or not any more.
    Login,
    /// The clocks differ.
    Clock,
    /// What events go to is not there.
    Missing,
    /// It is about the event.
    Faulty,
}

const BUSY: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "OpsItemLimitExceededException",
    "OverLimit",
    "SlowDown",
    "PriorRequestNotComplete",
    "TransactionInProgressException",
];
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "OpsItemAccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "NotAuthorizedException",
    "NotAuthorizedForSourceException",
    "NotAuthorizedForDetailTypeException",
    "UnauthorizedOperation",
    "OptInRequired",
    "SubscriptionRequiredException",
];
const LOGIN: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "AuthFailure",
];
const CLOCK: &[&str] = &["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"];
/// What the message says when the code is only that the signature is not good.
const CLOCK_MESSAGES: [&str; 2] = ["Signature expired", "Signature not yet current"];
const MISSING: &[&str] = &[
    "ResourceNotFoundException",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDeletedRecently",
    "AWS.SimpleQueueService.QueueDeletedRecently",
    "InvalidSourceException",
];

/// Whether a code says that a permission is missing.
pub(super) fn is_denied(code: &str) -> bool {
    DENIED.contains(&code)
}

impl Said {
    /// Reads a code as the JSON protocols write it: `namespace#Code:more`.
    pub(crate) fn new(code: &str, message: &str, is_services: bool) -> Self {
        let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        Self { code: one_line(code), message: one_line(message), is_services }
    }

    pub(super) fn meaning(&self) -> Meaning {
        let code = self.code.as_str();
        if CLOCK.contains(&code) || CLOCK_MESSAGES.iter().any(|text| self.message.contains(text)) {
            Meaning::Clock
        } else if code.contains("Throttl") || code.starts_with("Internal") || code.starts_with("ServiceUnavailable") || BUSY.contains(&code)
        {
            Meaning::Busy
        } else if is_denied(code) || code.to_ascii_lowercase().starts_with("kms") {
            Meaning::Denied
        } else if LOGIN.contains(&code) {
            Meaning::Login
        } else if MISSING.contains(&code) {
            Meaning::Missing
        } else if self.is_services {
            Meaning::Busy
        } else {
            Meaning::Faulty
        }
    }
}

/// What was said, behind a colon, and what to do about it.
pub(super) fn told(said: &Said, operation: Operation) -> String {
    let Said { code, message, .. } = said;
    let advice = match said.meaning() {
        Meaning::Busy | Meaning::Faulty => String::new(),
        Meaning::Denied if code.to_ascii_lowercase().starts_with("kms") || message.contains("kms:") => {
            "; allow kms:GenerateDataKey and kms:Decrypt with its key to whom Herald is there".to_owned()
        }
        Meaning::Denied => format!("; allow {} to whom Herald is there", operation.permission),
        Meaning::Login => "; check the credentials, which are loaded anew".to_owned(),
        Meaning::Clock => "; set this machine's clock right".to_owned(),
        Meaning::Missing => "; check the name, the region and the account".to_owned(),
    };
    let said: String = [code, message].into_iter().filter(|text| !text.is_empty()).map(|text| format!(": {text}")).collect();
    format!("{said}{advice}")
}

/// Tells what it means that these of a batch of `all` were refused, by their place. Where the service is why, they are sent again; otherwise they alone are refused.
pub(crate) fn settle(refused: &[(usize, Said)], all: usize, operation: Operation) -> Result<(), SendError> {
    let Some((_, first)) = refused.first() else { return Ok(()) };
    let reason = |said: &Said| format!("{}{}", operation.name, told(said, operation));
    let is_about_event = |said: &Said| said.meaning() == Meaning::Faulty;
    if refused.iter().any(|(_, said)| is_about_event(said)) {
        let refusals = refused.iter().map(|(at, said)| (*at, Refusal { reason: reason(said), permanent: is_about_event(said) }));
        return Err(SendError::Partial(refusals.collect()));
    }
    if refused.len() == all {
        return Err(SendError::outage(reason(first)));
    }
    Err(SendError::Interrupted { left: refused.iter().map(|(at, _)| *at).collect(), reason: reason(first) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: Operation = Operation { name: "PutRecords", permission: "kinesis:PutRecords" };

    #[test]
    fn codes_are_told_apart() {
        for (code, message, meaning) in [
            ("com.amazonaws.kinesis#ProvisionedThroughputExceededException", "", Meaning::Busy),
            ("ThrottlingException:http://internal.amazon.com/", "", Meaning::Busy),
            ("RequestThrottled", "", Meaning::Busy),
            ("KMSThrottlingException", "", Meaning::Busy),
            ("InternalFailure", "", Meaning::Busy),
            ("ServiceUnavailableException", "Slow down.", Meaning::Busy),
            ("AuthorizationError", "", Meaning::Denied),
            ("KmsAccessDenied", "", Meaning::Denied),
            ("KMSDisabledException", "", Meaning::Denied),
            ("ExpiredTokenException", "", Meaning::Login),
            ("SignatureDoesNotMatch", "The request signature we calculated does not match", Meaning::Login),
            ("SignatureDoesNotMatch", "Signature expired: 20251125T1200Z is now earlier than 20251125T1300Z", Meaning::Clock),
            ("RequestTimeTooSkewed", "", Meaning::Clock),
            ("com.amazonaws.sqs#QueueDoesNotExist", "", Meaning::Missing),
            ("ValidationException", "", Meaning::Faulty),
            ("", "", Meaning::Faulty),
        ] {
            assert_eq!(Said::new(code, message, false).meaning(), meaning, "{code}");
        }
        assert_eq!(Said::new("Unheard", "", true).meaning(), Meaning::Busy, "the service takes the blame");
    }

    #[test]
    fn what_to_do_is_told() {
        let told = |code, message| told(&Said::new(code, message, false), PUT);
        assert_eq!(told("AccessDeniedException", "no"), ": AccessDeniedException: no; allow kinesis:PutRecords to whom Herald is there");
        assert!(
            told("AccessDeniedException", "not authorized to perform: kms:GenerateDataKey")
                .contains("allow kms:GenerateDataKey and kms:Decrypt")
        );
        assert!(told("RequestExpired", "").ends_with("; set this machine's clock right"));
        assert_eq!(told("Odd", "a\nb"), ": Odd: ab");
    }

    #[test]
    fn only_what_was_refused_of_a_batch_is_refused() {
        let (busy, bad) = (Said::new("ThrottlingException", "slow", false), Said::new("MalformedDetail", "bad", false));
        let refusal = |reason: &str, permanent| Refusal { reason: reason.to_owned(), permanent };
        assert_eq!(settle(&[], 3, PUT), Ok(()));
        assert!(
            matches!(Outcome::settle(&[Outcome::default()], 2, true, PUT), Err(SendError::Outage { .. })),
            "nothing is said of the other"
        );
        assert_eq!(
            settle(&[(0, busy.clone()), (2, bad.clone())], 3, PUT),
            Err(SendError::Partial(vec![
                (0, refusal("PutRecords: ThrottlingException: slow", false)),
                (2, refusal("PutRecords: MalformedDetail: bad", true)),
            ]))
        );
        let reason = "PutRecords: ThrottlingException: slow".to_owned();
        let both = [(0, busy.clone()), (1, busy.clone())];
        assert_eq!(settle(&both, 2, PUT), Err(SendError::outage(reason.clone())), "nobody was served");
        assert_eq!(settle(&both, 3, PUT), Err(SendError::Interrupted { left: vec![0, 1], reason }), "the third was");
        assert!(matches!(settle(&[(0, busy), (1, bad)], 2, PUT), Err(SendError::Partial(_))));
    }
}
