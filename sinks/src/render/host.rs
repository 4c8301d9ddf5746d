//! The world as templates see it.

use herald_common::env;
use herald_template::{
    Host,
    go::time::{Location, Time},
};
use rand::Rng as _;

/// The real clock, environment and chance; which functions reach them is decided when a template is parsed.
pub(super) struct World;

impl Host for World {
    fn now(&self) -> Time {
        let now = jiff::Timestamp::now();
        Time::from_unix(now.as_second(), i64::from(now.subsec_nanosecond()), Location::Local)
    }

    fn env(&self, name: &str) -> Option<String> {
        env::var(name)
    }

    fn random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
