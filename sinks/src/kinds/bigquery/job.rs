//! A load job of BigQuery: what is asked for, how it ends, and which rows were at fault.
//!
//! In go rows and names; out come the bytes of a request, and of a job's state what it means. Pure.
//!
//! A job loads all of its rows or none. It says of some bad rows where in the file they begin, of others nothing: [`bad_rows`] finds the former.

use data_encoding::HEXLOWER;
use herald_common::event::to_go_json;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::http::one_line;

/// Where rows go.
pub(super) struct Target {
    pub(super) project: String,
    pub(super) dataset: String,
    pub(super) table: String,
    pub(super) location: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    job_reference: JobReference<'a>,
    configuration: Configuration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobReference<'a> {
    project_id: &'a str,
    job_id: &'a str,
    location: &'a str,
}

#[derive(Serialize)]
struct Configuration<'a> {
    load: Load<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Load<'a> {
    destination_table: TableReference<'a>,
    source_format: &'static str,
    autodetect: bool,
    schema_update_options: [&'static str; 1],
    create_disposition: &'static str,
    write_disposition: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TableReference<'a> {
    project_id: &'a str,
    dataset_id: &'a str,
    table_id: &'a str,
}

impl Target {
    /// The name of the job that loads these events: the same for the same events, so that a repeat is noticed.
    pub(super) fn job<'a>(&self, receiver: &str, identities: impl Iterator<Item = &'a str>) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        [receiver, &self.dataset, &self.table].into_iter().for_each(&mut add);
        identities.for_each(add);
        format!("herald_{}", HEXLOWER.encode(&hash.finalize()))
    }

    /// A request's content type and body (`multipart/related`): the job and its rows.
    pub(super) fn upload(&self, job: &str, rows: &[&[u8]]) -> Result<(String, Vec<u8>), serde_json::Error> {
        let Self { project, dataset, table, location } = self;
        let request = to_go_json(&Request {
            job_reference: JobReference { project_id: project, job_id: job, location },
            configuration: Configuration {
                load: Load {
                    destination_table: TableReference { project_id: project, dataset_id: dataset, table_id: table },
                    source_format: "NEWLINE_DELIMITED_JSON",
                    autodetect: true,
                    schema_update_options: ["ALLOW_FIELD_ADDITION"],
                    create_disposition: "CREATE_IF_NEEDED",
                    write_disposition: "WRITE_APPEND",
                },
            },
        })?;
        // The job's name is a hash: no row holds it by chance.
        let part = |content_type: &str| format!("--{job}\r\nContent-Type: {content_type}\r\n\r\n").into_bytes();
        let mut body = part("application/json; charset=UTF-8");
        body.extend(request);
        body.extend(b"\r\n");
        body.extend(part("application/octet-stream"));
        rows.iter().for_each(|row| body.extend_from_slice(row));
        body.extend(format!("\r\n--{job}--\r\n").into_bytes());
        Ok((format!("multipart/related; boundary={job}"), body))
    }

    /// The request that makes the data set.
    pub(super) fn new_dataset(&self) -> serde_json::Value {
        let reference = serde_json::json!({"projectId": self.project, "datasetId": self.dataset});
        serde_json::json!({"datasetReference": reference, "location": self.location})
    }
}

/// A job as the API shows it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Job {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    state: String,
    error_result: Option<Fault>,
    errors: Vec<Fault>,
}

/// Something that went wrong within a job.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn said(&self) -> String {
        one_line(&format!("{}: {}", self.reason, self.message))
    }
}

/// How a job ended.
pub(super) enum End {
    Loaded,
    /// Nothing was loaded because of some rows; everything that was said of them.
    BadRows(Vec<Fault>),
    /// Nothing was loaded, which says nothing about the rows.
    Failed(Fault),
}

impl Job {
    /// How it ended; nothing while it runs.
    pub(super) fn end(self) -> Option<End> {
        let Status { state, error_result, errors } = self.status;
        match error_result {
            _ if state != "DONE" => None,
            None => Some(End::Loaded),
            Some(fault) if fault.reason == "invalid" => Some(End::BadRows(if errors.is_empty() { vec![fault] } else { errors })),
            Some(fault) => Some(End::Failed(fault)),
        }
    }
}

/// The rows that faults name by their place in the file, with what is said of each; rows of these lengths.
pub(super) fn bad_rows(faults: &[Fault], lengths: &[usize]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for fault in faults {
        let Some(place) = place(&fault.message) else { continue };
        let mut end = 0;
        let row = lengths.iter().position(|length| {
            end += length;
            place < end
        });
        if let Some(row) = row.filter(|row| found.iter().all(|(known, _)| known != row)) {
            found.push((row, fault.said()));
        }
    }
    found
}

/// Where the row that a message is about begins, in bytes.
fn place(message: &str) -> Option<usize> {
    let after = |words: &str| message.split_once(words).map(|(_, rest)| rest);
    let rest = after("row starting at position ").or_else(|| after("byte_offset_to_start_of_line: "))?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { project: "p".to_owned(), dataset: "d".to_owned(), table: "t".to_owned(), location: "US".to_owned() }
    }

    #[test]
    fn the_same_events_have_the_same_job_and_others_another() {
        let job = |receiver: &str, identities: &[&str]| target().job(receiver, identities.iter().copied());
        assert_eq!(job("r", &["a", "b"]), job("r", &["a", "b"]));
        let names = [job("r", &["a", "b"]), job("r", &["b", "a"]), job("r", &["ab"]), job("r", &["a"]), job("q", &["a", "b"])];
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{names:?}");
        assert!(names[0].len() <= 1_024 && names[0].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }

    #[test]
    fn a_request_is_the_job_and_its_rows() {
        let (content_type, body) = target().upload("herald_1", &[b"{\"a\":1}\n", b"{\"a\":2}\n"]).expect("encodes");
        assert_eq!(content_type, "multipart/related; boundary=herald_1");
        let wanted = "--herald_1\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n\
            {\"jobReference\":{\"projectId\":\"p\",\"jobId\":\"herald_1\",\"location\":\"US\"},\"configuration\":{\"load\":{\"destinationTable\":\
            {\"projectId\":\"p\",\"datasetId\":\"d\",\"tableId\":\"t\"},\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\",\"autodetect\":true,\
            \"schemaUpdateOptions\":[\"ALLOW_FIELD_ADDITION\"],\"createDisposition\":\"CREATE_IF_NEEDED\",\"writeDisposition\":\"WRITE_APPEND\"}}}\r\n\
            --herald_1\r\nContent-Type: application/octet-stream\r\n\r\n{\"a\":1}\n{\"a\":2}\n\r\n--herald_1--\r\n";
        assert_eq!(String::from_utf8(body).expect("text"), wanted);
    }

    #[test]
    fn rows_are_found_by_where_they_begin() {
        let fault = |message: &str| Fault { reason: "invalid".to_owned(), message: message.to_owned() };
        let faults = [
            fault("Error while reading data, error message: JSON table encountered too many errors, giving up. Rows: 2; errors: 1."),
            fault("Error while reading data, error message: JSON parsing error in row starting at position 10: Could not convert value"),
            fault("Failed to parse JSON: No such field: x; line_number: 3 byte_offset_to_start_of_line: 25 column_index: 2"),
            fault("JSON parsing error in row starting at position 10: again"),
            fault("JSON parsing error in row starting at position 99: beyond"),
        ];
        let rows: Vec<usize> = bad_rows(&faults, &[10, 15, 5]).into_iter().map(|(row, _)| row).collect();
        assert_eq!(rows, [1, 2]);
    }

    #[test]
    fn jobs_end_in_three_ways() {
        let end = |status: &str| serde_json::from_str::<Job>(&format!(r#"{{"status":{status}}}"#)).expect("a job").end();
        assert!(end(r#"{"state":"RUNNING"}"#).is_none());
        assert!(matches!(end(r#"{"state":"DONE"}"#), Some(End::Loaded)));
        let bad =
            r#"{"state":"DONE","errorResult":{"reason":"invalid","message":"m"},"errors":[{"reason":"invalid"},{"reason":"invalid"}]}"#;
        assert!(matches!(end(bad), Some(End::BadRows(faults)) if faults.len() == 2));
        assert!(matches!(end(r#"{"state":"DONE","errorResult":{"reason":"backendError"}}"#), Some(End::Failed(_))));
    }
}
