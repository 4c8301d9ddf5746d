//! Go's `time.Time`: an instant with nanoseconds and the place whose clock it is read by.
//!
//! In: numbers, layouts (`2006-01-02 15:04:05`), text. Out: numbers, text, or Go's error texts. "Now" is an argument of the callers, never read
//! here; the local zone is UTC, as in the container that templates were written for. Extreme instants wrap as in Go; nothing panics.

mod calendar;
mod format;
mod layout;
mod location;
mod parse;

use std::cmp::Ordering;

pub use calendar::{month_name, weekday_name};
pub use location::Location;
pub use parse::{parse, parse_in_location};

use super::duration::{Duration, saturate};

/// Seconds from year 1 to 1970.
const YEAR_1_TO_UNIX: i64 = 62_135_596_800;

/// Layout of RFC 3339 with as many fractional digits as there are.
pub const RFC3339_NANO: &[u8] = b"2006-01-02T15:04:05.999999999Z07:00";
/// Layout of RFC 3339 in whole seconds.
pub const RFC3339: &[u8] = b"2006-01-02T15:04:05Z07:00";

/// An instant; the default is Go's zero time, the beginning of the year 1 in UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Time {
    seconds: i64,
    nanoseconds: u32,
    location: Location,
}

impl Default for Time {
    fn default() -> Self {
        Self { seconds: -YEAR_1_TO_UNIX, nanoseconds: 0, location: Location::Utc }
    }
}

/// The fields of a clock and a calendar at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The year; 0 and less are before our era.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The hour, from 0 to 23.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
    /// The day of the year, from 1.
    pub year_day: i64,
    /// The day of the week, 0 for Sunday.
    pub weekday: i64,
}

impl Time {
    /// Makes a time from seconds and any number of nanoseconds since 1970.
    #[must_use]
    pub fn from_unix(seconds: i64, nanoseconds: i64, location: Location) -> Self {
        let carry = nanoseconds.div_euclid(1_000_000_000);
        let nanoseconds = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0);
        Self { seconds: seconds.wrapping_add(carry), nanoseconds, location }
    }

    /// Makes a time from calendar and clock, each number of any size, as Go's `Date` does.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "Go's signature")]
    pub fn date_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64, nanosecond: i64, location: Location) -> Self {
        let carry = i128::from(nanosecond.div_euclid(1_000_000_000));
        let days = calendar::days_from_civil(year, month, day);
        let clock = i128::from(hour) * 3600 + i128::from(minute) * 60 + i128::from(second) + carry;
        #[expect(clippy::cast_possible_truncation, reason = "Go's arithmetic wraps")]
        let mut seconds = (days * 86_400 + clock) as i64;
        // The offset is looked up with the local time first; near a change of clocks the second look corrects it.
        let offset = location.lookup(seconds).offset;
        if offset != 0 {
            let offset = location.lookup(seconds.wrapping_sub(i64::from(offset))).offset;
            seconds = seconds.wrapping_sub(i64::from(offset));
        }
        Self::from_unix(seconds, nanosecond.rem_euclid(1_000_000_000), location)
    }

    /// Gives the calendar's and the clock's fields at the time's place.
    #[must_use]
    pub fn fields(&self) -> Fields {
        calendar::fields(i128::from(self.seconds) + i128::from(self.location.lookup(self.seconds).offset))
    }

    /// Gives the nanoseconds within the second.
    #[must_use]
    pub fn nanosecond(&self) -> u32 {
        self.nanoseconds
    }

    /// Gives seconds since 1970.
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.seconds
    }

    /// Gives milliseconds since 1970, wrapping.
    #[must_use]
    pub fn unix_milli(&self) -> i64 {
        self.seconds.wrapping_mul(1_000).wrapping_add(i64::from(self.nanoseconds / 1_000_000))
    }

    /// Gives microseconds since 1970, wrapping.
    #[must_use]
    pub fn unix_micro(&self) -> i64 {
        self.seconds.wrapping_mul(1_000_000).wrapping_add(i64::from(self.nanoseconds / 1_000))
    }

    /// Gives nanoseconds since 1970, wrapping.
    #[must_use]
    pub fn unix_nano(&self) -> i64 {
        self.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(self.nanoseconds))
    }

    /// Gives the ISO 8601 year and week.
    #[must_use]
    pub fn iso_week(&self) -> (i64, i64) {
        let here = i128::from(self.seconds) + i128::from(self.location.lookup(self.seconds).offset);
        // The week belongs to the year of its Thursday.
        let weekday = calendar::fields(here).weekday;
        let monday_based = (weekday + 6) % 7;
        let thursday = calendar::fields(here + i128::from(3 - monday_based) * 86_400);
        (thursday.year, (thursday.year_day - 1) / 7 + 1)
    }

    /// Tells whether this is the zero time, wherever.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.seconds == -YEAR_1_TO_UNIX && self.nanoseconds == 0
    }

    /// Compares the instants; places do not matter.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        // Go counts from the year 1, so that the order of extreme instants wraps there.
        let from_year_1 = |time: &Self| (time.seconds.wrapping_add(YEAR_1_TO_UNIX), time.nanoseconds);
        from_year_1(self).cmp(&from_year_1(other))
    }

    /// Tells whether both are the same instant.
    #[must_use]
    pub fn equal(&self, other: &Self) -> bool {
        self.seconds == other.seconds && self.nanoseconds == other.nanoseconds
    }

    /// Moves by a duration.
    #[must_use]
    pub fn add(&self, by: Duration) -> Self {
        let nanoseconds = i64::from(self.nanoseconds) + by.0 % 1_000_000_000;
        Self::from_unix(self.seconds.wrapping_add(by.0 / 1_000_000_000), nanoseconds, self.location.clone())
    }

    /// Gives the duration since another time, stopping at the ends of the type.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Duration {
        Duration(saturate(self.total() - other.total()))
    }

    /// Moves by years, months and days of the calendar, keeping the clock.
    #[must_use]
    pub fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let at = self.fields();
        Self::date_of(
            at.year.wrapping_add(years),
            at.month.wrapping_add(months),
            at.day.wrapping_add(days),
            at.hour,
            at.minute,
            at.second,
            i64::from(self.nanoseconds),
            self.location.clone(),
        )
    }

    /// Cuts down to a multiple of a duration since the year 1; zero or less changes nothing.
    #[must_use]
    pub fn truncate(&self, unit: Duration) -> Self {
        if unit.0 <= 0 { self.clone() } else { self.add(Duration(-self.over(unit))) }
    }

    /// Rounds to the nearest multiple of a duration since the year 1, halves up; zero or less changes nothing.
    #[must_use]
    pub fn round(&self, unit: Duration) -> Self {
        if unit.0 <= 0 {
            return self.clone();
        }
        let over = self.over(unit);
        if i128::from(over) * 2 < i128::from(unit.0) { self.add(Duration(-over)) } else { self.add(Duration(unit.0 - over)) }
    }

    /// The nanoseconds above a multiple of a positive unit.
    fn over(&self, unit: Duration) -> i64 {
        let since_year_1 = self.total() + i128::from(YEAR_1_TO_UNIX) * 1_000_000_000;
        saturate(since_year_1.rem_euclid(i128::from(unit.0)))
    }

    fn total(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }

    /// Gives the place.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Gives the same instant at another place.
    #[must_use]
    pub fn at(&self, location: Location) -> Self {
        Self { location, ..*self }
    }

    /// Gives the zone's abbreviation and its offset in seconds east of UTC.
    #[must_use]
    pub fn zone(&self) -> (String, i64) {
        let zone = self.location.lookup(self.seconds);
        (zone.name, i64::from(zone.offset))
    }

    /// Tells whether daylight saving time is in effect.
    #[must_use]
    pub fn is_dst(&self) -> bool {
        self.location.lookup(self.seconds).dst
    }

    /// Gives where the zone in effect began and where it ends; the zero time stands for "never".
    #[must_use]
    pub fn zone_bounds(&self) -> (Self, Self) {
        let (start, end) = self.location.bounds(self.seconds);
        let time = |seconds: Option<i64>| seconds.map_or_else(Self::default, |seconds| Self::from_unix(seconds, 0, self.location.clone()));
        (time(start), time(end))
    }
}

/// Quotes as Go's `time` does in its errors: every byte that is not printable ASCII as `\x..`.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            // Go looks at characters, and DEL is one below the first that it escapes.
            b' '..=0x7F => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
