//! Kubernetes' two JSON time types (`metav1.Time`, `metav1.MicroTime`): RFC 3339 in UTC with seconds or microseconds, or `null`.
//!
//! Go's zero time (the first of January of the year 1) means unset and prints as `null`. So does a year that RFC 3339 cannot write.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `metav1.Time`: printed with whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(Option<Timestamp>);

/// `metav1.MicroTime`: printed with microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroTime(Option<Timestamp>);

/// Seconds from the Unix epoch to Go's zero time.
const GO_ZERO_SECOND: i64 = -62_135_596_800;
/// Seconds from the Unix epoch to the beginning of the year 0.
const YEAR_ZERO_SECOND: i64 = -62_167_219_200;

macro_rules! kubernetes_time {
    ($name:ident, $fraction:expr) => {
        impl $name {
            /// Returns the instant, `None` when unset.
            #[must_use]
            pub fn timestamp(self) -> Option<Timestamp> {
                self.0
            }

            /// Tells whether no time is set.
            #[must_use]
            pub fn is_unset(&self) -> bool {
                self.0.is_none()
            }
        }

        impl From<Timestamp> for $name {
            fn from(timestamp: Timestamp) -> Self {
                let second = timestamp.as_second() - i64::from(timestamp.subsec_nanosecond() < 0);
                Self((second != GO_ZERO_SECOND && second >= YEAR_ZERO_SECOND).then_some(timestamp))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 {
                    Some(timestamp) => serializer.collect_str(&Rfc3339 { timestamp, fraction: $fraction }),
                    None => serializer.serialize_none(),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(text.and_then(|text| text.parse::<Timestamp>().ok()).map_or(Self(None), Self::from))
            }
        }
    };
}

kubernetes_time!(Time, false);
kubernetes_time!(MicroTime, true);

struct Rfc3339 {
    timestamp: Timestamp,
    fraction: bool,
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = TimeZone::UTC.to_datetime(self.timestamp);
        write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.year(), utc.month(), utc.day(), utc.hour(), utc.minute(), utc.second())?;
        if self.fraction {
            write!(f, ".{:06}", utc.subsec_nanosecond() / 1_000)?;
        }
        f.write_str("Z")
    }
}
