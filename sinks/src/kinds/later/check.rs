//! What the types of kinds that are not served yet cannot say: what must be there, what belongs together, which words are known.
//!
//! A kind's check moves with its type.

use super::{Eventbridge, Firehose, InMemory, Kinesis, Known, Opscenter, Sns, Sqs};
use crate::{
    keys::Keys,
    render::{Layout, Secrecy, TextKey},
};

impl Known for Kinesis {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("streamName", "name the stream");
        keys.addresses("endpoint");
    }
}

impl Known for Firehose {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("deliveryStreamName", "name the delivery stream");
        keys.addresses("endpoint");
    }
}

impl Known for Sns {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("topicARN", "name the topic by its ARN");
        let is_arn = self.topic_arn.is_empty() || self.topic_arn.starts_with("arn:");
        keys.require(is_arn, "topicARN", "expected an ARN, for example arn:aws:sns:eu-west-1:123456789012:events");
        keys.addresses("endpoint");
    }
}

impl Known for Sqs {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("queueName", "name the queue");
        keys.addresses("endpoint");
    }
}

impl Known for Eventbridge {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("detailType", "say what kind of events these are");
        keys.required("source", "say where the events come from");
        if let Some(details) = keys.spec().get("details") {
            Layout::new(details, keys);
        }
        keys.addresses("endpoint");
    }
}

impl Known for Opscenter {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("title", "say what the item is called, a template");
        keys.required("description", "say what the item is about, a template");
        keys.required("source", "say where the events come from");
        if is_fixed(&self.priority) {
            keys.one_of("priority", &["1", "2", "3", "4", "5"]);
        }
        keys.texts([&self.title, &self.description, &self.source, &self.category, &self.severity, &self.priority]);
        keys.texts(self.notifications.iter().chain(&self.related_ops_items));
        keys.text_map(&self.operational_data, Secrecy::Public);
        keys.text_map(&self.tags, Secrecy::Public);
        keys.addresses("endpoint");
    }
}

impl Known for InMemory {
    fn check(&self, _: &mut Keys<'_>) {}
}

/// Tells whether a key is a text without templates.
fn is_fixed(key: &TextKey) -> bool {
    !key.0.value.contains("{{")
}
