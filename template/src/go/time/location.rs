//! Where a clock hangs: UTC, the local zone (UTC as well, but another place to Go), a fixed offset, or a zone of the IANA database.

use std::sync::{Arc, LazyLock};

use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

/// A place with its rules about the clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// Universal time.
    Utc,
    /// The local zone, which is UTC, too.
    Local,
    /// A zone read from a text: only an abbreviation, maybe empty, and an offset in seconds are known.
    Fixed {
        /// The abbreviation.
        name: Arc<str>,
        /// Seconds east of UTC.
        offset: i32,
    },
    /// A zone of the IANA database.
    Zone(TimeZone),
}

/// What a clock shows at an instant.
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) offset: i32,
    pub(super) dst: bool,
}

/// The database is part of the program: the same templates give the same text everywhere.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// 400 years: the calendar and the zones' rules repeat.
const CYCLE: i64 = 146_097 * 86_400;

impl Location {
    /// Loads a zone by its name, as Go's `LoadLocation` does: `""` is UTC, `Local` the local zone.
    ///
    /// # Errors
    /// Go's text for a name that is not known.
    pub fn load(name: &[u8]) -> Result<Self, String> {
        match name {
            b"" | b"UTC" => return Ok(Self::Utc),
            b"Local" => return Ok(Self::Local),
            _ => {}
        }
        let path_like =
            name.first().is_some_and(|c| matches!(c, b'/' | b'\\')) || name.contains(&b'\\') || name.windows(2).any(|two| two == b"..");
        if path_like {
            return Err("time: invalid location name".to_owned());
        }
        let unknown = || format!("unknown time zone {}", String::from_utf8_lossy(name));
        let text = std::str::from_utf8(name).map_err(|_| unknown())?;
        // The database does not mind the case, Go does.
        DATABASE.get(text).ok().filter(|zone| zone.iana_name() == Some(text)).map(Self::Zone).ok_or_else(unknown)
    }

    /// Gives the name that Go's `Location.String` prints.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            // Go prints the local zone so when TZ=UTC.
            Self::Utc | Self::Local => "UTC",
            Self::Fixed { name, .. } => name,
            Self::Zone(zone) => zone.iana_name().unwrap_or("UTC"),
        }
    }

    pub(super) fn lookup(&self, seconds: i64) -> Zone {
        match self {
            Self::Utc | Self::Local => Zone { name: "UTC".to_owned(), offset: 0, dst: false },
            Self::Fixed { name, offset } => Zone { name: (**name).to_owned(), offset: *offset, dst: false },
            Self::Zone(zone) => {
                let info = zone.to_offset_info(timestamp(seconds));
                Zone { name: info.abbreviation().to_owned(), offset: info.offset().seconds(), dst: info.dst().is_dst() }
            }
        }
    }

    /// The offset of the zone's clock that has this abbreviation, preferably at the local time given.
    pub(super) fn lookup_name(&self, name: &str, local_seconds: i64) -> Option<i32> {
        let Self::Zone(zone) = self else { return None };
        let near = timestamp(local_seconds);
        let before = zone.preceding(near).next().and_then(|change| change.timestamp().checked_sub(jiff::SignedDuration::from_secs(1)).ok());
        let candidates = [Some(near), before, zone.following(near).next().map(|change| change.timestamp())];
        let infos = candidates.into_iter().flatten().map(|at| zone.to_offset_info(at)).filter(|info| info.abbreviation() == name);
        let offsets: Vec<i32> = infos.map(|info| info.offset().seconds()).collect();
        let in_effect = |offset: &&i32| self.lookup(local_seconds.wrapping_sub(i64::from(**offset))).name == name;
        offsets.iter().find(in_effect).or(offsets.first()).copied()
    }

    pub(super) fn bounds(&self, seconds: i64) -> (Option<i64>, Option<i64>) {
        let Self::Zone(zone) = self else { return (None, None) };
        let here = timestamp(seconds);
        // What has begun right now is in effect.
        let after = here.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(here);
        let moved = seconds.saturating_sub(here.as_second());
        let second = |change: jiff::tz::TimeZoneTransition<'_>| change.timestamp().as_second().saturating_add(moved);
        (zone.preceding(after).next().map(second), zone.following(here).next().map(second))
    }
}

/// Brings an instant into the years that the database's library knows, at the same place in the calendar's cycle.
fn timestamp(seconds: i64) -> Timestamp {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let inside = if seconds > last { last - CYCLE + (seconds - last).rem_euclid(CYCLE) } else { seconds.max(first) };
    Timestamp::from_second(inside).unwrap_or(Timestamp::MIN)
}
