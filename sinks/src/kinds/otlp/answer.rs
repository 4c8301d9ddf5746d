//! What answers of OTLP mean (OTLP specification, "Failures" and "Partial Success").
//!
//! Pure. A code that the specification lets be repeated is an outage; so is what is the configuration's fault, a login, an address, a service that is not there.

use std::error::Error;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    http::{self, Answer, one_line},
    sink::SendError,
};

/// What gRPC's servers say of a message that is too large for them, for which they have no code of its own.
const TOO_LARGE: [&str; 2] = ["larger than max", "exceeds maximum size"];

/// What an HTTP answer means; errors are a `google.rpc.Status`.
pub(super) fn of_http(answer: &Answer, shown: &str, sent: usize) -> Result<(), SendError> {
    if answer.status.is_success() {
        let response = ExportLogsServiceResponse::decode(answer.body.clone())
            .map_err(|_| SendError::outage(format!("{shown} answered what is not OTLP's: {}", answer.said())))?;
        return accepted(response, shown, sent);
    }
    let status = tonic_types::Status::decode(answer.body.clone()).ok().filter(|status| !status.message.is_empty());
    let said = status.map_or_else(|| answer.said(), |status| one_line(&status.message));
    Err(http::refusal(answer.status, answer.after, &said, shown))
}

/// What a gRPC status other than `OK` means.
pub(super) fn of_grpc(status: &Status, shown: &str) -> SendError {
    let code = status.code();
    // What did not come from the server has a cause: there was no answer.
    if let Some(cause) = status.source() {
        return SendError::outage(format!("{shown}: no answer: {}", one_line(&last(cause).to_string())));
    }
    let reason = format!("{shown} answered {code:?}: {}", one_line(status.message()));
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match code {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Aborted | Code::OutOfRange | Code::DataLoss => {
            SendError::Outage { reason, after }
        }
        Code::ResourceExhausted if TOO_LARGE.iter().any(|words| status.message().contains(words)) => SendError::permanent(reason),
        Code::ResourceExhausted if after.is_some() => SendError::Outage { reason, after },
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound => {
            SendError::outage(format!("{reason}; check the receiver's address and credentials"))
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists => SendError::permanent(reason),
        _ => SendError::refused(reason),
    }
}

/// The cause of all causes.
fn last<'a>(mut cause: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

/// What an answer of success says of each record. Which ones were rejected it does not say: where there are several the core tries them one by one.
pub(super) fn accepted(response: ExportLogsServiceResponse, shown: &str, sent: usize) -> Result<(), SendError> {
    let Some(partial) = response.partial_success else { return Ok(()) };
    let said = one_line(&partial.error_message);
    if partial.rejected_log_records > 0 {
        let rejected = partial.rejected_log_records;
        return Err(SendError::permanent(format!("{shown} rejected {rejected} of {sent} records: {said}")));
    }
    if !said.is_empty() {
        tracing::warn!(receiver = shown, said, "all records were accepted, with a warning");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;
    use tonic_types::ErrorDetails;

    use super::*;

    fn outage(error: &SendError) -> Option<Option<Duration>> {
        match error {
            SendError::Outage { after, .. } => Some(*after),
            _ => None,
        }
    }

    #[test]
    fn codes_mean_what_the_specification_says() {
        let of = |code| of_grpc(&Status::new(code, "said"), "http://h/");
        for code in [Code::Unavailable, Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::DataLoss] {
            assert_eq!(outage(&of(code)), Some(None), "{code:?}");
        }
        assert_eq!(of(Code::InvalidArgument), SendError::permanent("http://h/ answered InvalidArgument: said".to_owned()));
        for code in [Code::Internal, Code::Unknown, Code::ResourceExhausted] {
            assert!(matches!(of(code), SendError::Refused(refusal) if !refusal.permanent), "{code:?}");
        }
    }

    #[test]
    fn no_answer_is_an_outage_whatever_its_code() {
        let error = std::io::Error::other(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused"));
        let status = Status::from_error(Box::new(error));
        assert_eq!(of_grpc(&status, "http://h/"), SendError::outage("http://h/: no answer: refused".to_owned()));
    }

    #[test]
    fn a_pause_is_kept_and_makes_exhaustion_an_outage() {
        let pause = Duration::from_millis(1_500);
        let details = ErrorDetails::with_retry_info(Some(pause));
        let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
        assert_eq!(outage(&of_grpc(&status, "http://h/")), Some(Some(pause)));
    }

    #[test]
    fn what_is_too_large_stays_so() {
        let status = Status::resource_exhausted("grpc: received message larger than max (5000000 vs. 4194304)");
        assert!(matches!(of_grpc(&status, "http://h/"), SendError::Refused(refusal) if refusal.permanent));
    }

    #[test]
    fn rejected_records_are_refused_for_good() {
        let response = |rejected| ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: "too\nold".to_owned() }),
        };
        assert_eq!(accepted(response(0), "h", 2), Ok(()), "a warning");
        assert_eq!(accepted(response(1), "h", 2), Err(SendError::permanent("h rejected 1 of 2 records: tooold".to_owned())));
    }

    #[test]
    fn an_error_of_http_is_a_status() {
        let status = tonic_types::Status { code: 3, message: "bad record".to_owned(), details: Vec::new() };
        let answer = Answer { status: reqwest::StatusCode::BAD_REQUEST, after: None, body: status.encode_to_vec().into() };
        assert_eq!(
            of_http(&answer, "http://h/", 1),
            Err(SendError::permanent("http://h/ answered 400 Bad Request: bad record".to_owned()))
        );
    }
}
