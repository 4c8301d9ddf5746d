//! How services of AWS are spoken to: JSON 1.0, JSON 1.1, and Query, which is a form and XML. Pure.

use reqwest::{
    RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};

use super::{fault::Said, sign::TARGET};
use crate::http::Answer;

/// A protocol of AWS's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// AWS JSON, its version, and what stands before an operation's name in `X-Amz-Target`.
    Json { version: &'static str, prefix: &'static str },
    /// AWS Query: the body is a form that names the operation.
    Query,
}

impl Protocol {
    /// Completes a request for an operation.
    pub(super) fn request(self, request: RequestBuilder, operation: &str, body: String) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        match self {
            Self::Json { version, prefix } => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(version));
                if let Ok(target) = HeaderValue::try_from(format!("{prefix}.{operation}")) {
                    headers.insert(TARGET, target);
                }
            }
            Self::Query => drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"))),
        }
        request.headers(headers).body(body)
    }

    /// Reads what an answer says is wrong. Without a code, as from a proxy, the status says whether the service is to blame.
    pub(super) fn fault(self, answer: &Answer) -> Said {
        let status = answer.status.as_u16();
        let is_services = status >= 500 || matches!(status, 403 | 404 | 405 | 407 | 429);
        let said = match self {
            Self::Json { .. } => json(&answer.body, is_services),
            Self::Query => xml(&answer.body, is_services),
        };
        said.unwrap_or_else(|| Said::new("", &answer.said(), is_services || status < 400))
    }
}

pub(crate) const JSON_1_0: &str = "application/x-amz-json-1.0";
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

fn json(body: &[u8], is_services: bool) -> Option<Said> {
    let fault: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    // Services do not agree on the names, and some give the same under two.
    let text = |names: &[&str]| names.iter().find_map(|name| fault.get(*name)?.as_str());
    Some(Said::new(text(&["__type", "code"])?, text(&["message", "Message"]).unwrap_or_default(), is_services))
}

fn xml(body: &[u8], is_services: bool) -> Option<Said> {
    let text = std::str::from_utf8(body).ok()?;
    let document = roxmltree::Document::parse(text).ok()?;
    let error = document.descendants().find(|node| node.has_tag_name_of("Error"))?;
    Some(Said::new(error.text_of("Code"), error.text_of("Message"), is_services))
}

/// The elements `member` below the element of a name, each as a map of its children's texts would be.
pub(crate) fn members<T>(body: &[u8], list: &str, read: impl Fn(&dyn Fn(&str) -> String) -> T) -> Result<Vec<T>, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let document = roxmltree::Document::parse(text).map_err(|error| error.to_string())?;
    let lists = document.descendants().filter(|node| node.has_tag_name_of(list));
    let members = lists.flat_map(|list| list.children().filter(|node| node.has_tag_name_of("member")));
    Ok(members.map(|member| read(&|name| member.text_of(name).to_owned())).collect())
}

/// Elements by their local names, whatever their namespace.
trait Element {
    fn has_tag_name_of(&self, name: &str) -> bool;
    /// The text of the child of a name; empty without one.
    fn text_of(&self, name: &str) -> &str;
}

impl Element for roxmltree::Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }

    fn text_of(&self, name: &str) -> &str {
        self.children().find(|child| child.has_tag_name_of(name)).and_then(|child| child.text()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;

    use super::*;

    const JSON: Protocol = Protocol::Json { version: JSON_1_0, prefix: "AmazonSQS" };

    fn fault(protocol: Protocol, status: u16, body: &str) -> Said {
        let status = StatusCode::from_u16(status).expect("a status");
        protocol.fault(&Answer { status, after: None, body: Bytes::copy_from_slice(body.as_bytes()) })
    }

    #[test]
    fn faults_are_read() {
        let queue = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist.","Message":"x"}"#;
        assert_eq!(fault(JSON, 400, queue), Said::new("QueueDoesNotExist", "The specified queue does not exist.", false));
        let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
        assert_eq!(fault(JSON, 400, denied), Said::new("AccessDeniedException", "no", false));
        let topic = r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>"#;
        assert_eq!(fault(Protocol::Query, 404, topic), Said::new("NotFound", "Topic does not exist", true));
        let html = "<html>\n<body>Bad Gateway</html>";
        for protocol in [JSON, Protocol::Query] {
            assert_eq!(fault(protocol, 502, html), Said::new("", html, true));
        }
    }

    #[test]
    fn members_are_read_and_entities_are_not_expanded() {
        let body =
            br#"<R xmlns="x"><Failed><member><Id>0</Id><Code>InvalidParameter</Code></member><member><Id>3</Id></member></Failed></R>"#;
        let read = members(body, "Failed", |text| (text("Id"), text("Code"))).expect("reads");
        assert_eq!(read, [("0".to_owned(), "InvalidParameter".to_owned()), ("3".to_owned(), String::new())]);
        let bomb = br#"<!DOCTYPE x [<!ENTITY a "aaaa">]><x><Failed><member><Id>&a;</Id></member></Failed></x>"#;
        assert!(members(bomb, "Failed", |text| text("Id")).is_err());
    }
}
