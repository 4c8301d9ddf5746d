//! Times to text.

use std::fmt;

use super::{
    Location, RFC3339_NANO, Time, YEAR_1_TO_UNIX, calendar,
    layout::{Element, OffsetStyle, next_chunk},
    quote,
};

impl Time {
    /// Writes the time in a layout; whatever in it is no field stands for itself.
    #[must_use]
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        let fields = self.fields();
        let (zone, offset) = self.zone();
        let (mut out, mut rest) = (Vec::with_capacity(layout.len() + 10), layout);
        loop {
            let chunk = next_chunk(rest);
            out.extend_from_slice(chunk.prefix);
            let Some(element) = chunk.element else { return out };
            rest = chunk.rest;
            out.extend_from_slice(self.field(element, &fields, &zone, offset).as_bytes());
        }
    }

    fn field(&self, element: Element, at: &super::Fields, zone: &str, offset: i64) -> String {
        let hour12 = if at.hour % 12 == 0 { 12 } else { at.hour % 12 };
        match element {
            Element::Year => format!("{:02}", at.year.unsigned_abs() % 100),
            Element::LongYear if at.year < 0 => format!("-{:04}", at.year.unsigned_abs()),
            Element::LongYear => format!("{:04}", at.year),
            Element::Month => calendar::month_name(at.month).chars().take(3).collect(),
            Element::LongMonth => calendar::month_name(at.month),
            Element::NumMonth => at.month.to_string(),
            Element::ZeroMonth => format!("{:02}", at.month),
            Element::WeekDay => calendar::weekday_name(at.weekday).chars().take(3).collect(),
            Element::LongWeekDay => calendar::weekday_name(at.weekday),
            Element::Day => at.day.to_string(),
            Element::UnderDay => format!("{:2}", at.day),
            Element::ZeroDay => format!("{:02}", at.day),
            Element::UnderYearDay => format!("{:3}", at.year_day),
            Element::ZeroYearDay => format!("{:03}", at.year_day),
            Element::Hour => format!("{:02}", at.hour),
            Element::Hour12 => hour12.to_string(),
            Element::ZeroHour12 => format!("{hour12:02}"),
            Element::Minute => at.minute.to_string(),
            Element::ZeroMinute => format!("{:02}", at.minute),
            Element::Second => at.second.to_string(),
            Element::ZeroSecond => format!("{:02}", at.second),
            Element::UpperPm => if at.hour >= 12 { "PM" } else { "AM" }.to_owned(),
            Element::LowerPm => if at.hour >= 12 { "pm" } else { "am" }.to_owned(),
            Element::ZoneName if zone.is_empty() => numeric_offset(offset, OffsetStyle::Plain),
            Element::ZoneName => zone.to_owned(),
            Element::Offset { iso: true, .. } if offset == 0 => "Z".to_owned(),
            Element::Offset { style, .. } => numeric_offset(offset, style),
            Element::Fraction { separator, digits, trim } => fraction(self.nanosecond(), separator, digits, trim),
        }
    }

    /// Writes Go's `%#v`: the call that makes this time.
    #[must_use]
    pub fn go_string(&self) -> String {
        let at = self.fields();
        let place = match self.location() {
            Location::Utc => "time.UTC".to_owned(),
            Location::Local => "time.Local".to_owned(),
            other => format!("time.Location({})", quote(other.name().as_bytes())),
        };
        let (month, nanosecond) = (calendar::month_name(at.month), self.nanosecond());
        let super::Fields { year, day, hour, minute, second, .. } = at;
        format!("time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanosecond}, {place})")
    }

    /// Writes RFC 3339 as Go's `MarshalText` does.
    ///
    /// # Errors
    /// Years and offsets that RFC 3339 has no form for.
    pub fn marshal_text(&self) -> Result<String, String> {
        self.strict("Time.MarshalText: ")
    }

    /// Writes RFC 3339 in quotes as Go's `MarshalJSON` does.
    ///
    /// # Errors
    /// Years and offsets that RFC 3339 has no form for.
    pub fn marshal_json(&self) -> Result<String, String> {
        self.strict("Time.MarshalJSON: ").map(|text| format!("\"{text}\""))
    }

    fn strict(&self, context: &str) -> Result<String, String> {
        if !(0..=9999).contains(&self.fields().year) {
            return Err(format!("{context}year outside of range [0,9999]"));
        }
        if self.zone().1.abs() >= 24 * 3600 {
            return Err(format!("{context}timezone hour outside of range [0,23]"));
        }
        Ok(String::from_utf8_lossy(&self.format(RFC3339_NANO)).into_owned())
    }

    /// Gives the bytes of Go's `MarshalBinary` and `GobEncode`.
    ///
    /// # Errors
    /// An offset that the format has no room for.
    pub fn marshal_binary(&self) -> Result<Vec<u8>, String> {
        let (mut minutes, mut seconds) = (-1, None);
        if *self.location() != Location::Utc {
            let offset = self.zone().1;
            seconds = i8::try_from(offset % 60).ok().filter(|seconds| *seconds != 0);
            minutes = i16::try_from(offset / 60)
                .ok()
                .filter(|minutes| *minutes != -1)
                .ok_or_else(|| "Time.MarshalBinary: unexpected zone offset".to_owned())?;
        }
        let mut out = vec![if seconds.is_some() { 2 } else { 1 }];
        out.extend_from_slice(&self.unix().wrapping_add(YEAR_1_TO_UNIX).to_be_bytes());
        out.extend_from_slice(&self.nanosecond().to_be_bytes());
        out.extend_from_slice(&minutes.to_be_bytes());
        out.extend(seconds.map(|seconds| seconds.to_be_bytes()[0]));
        Ok(out)
    }
}

/// Prints as Go's `String` does, without a monotonic clock's reading.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.format(b"2006-01-02 15:04:05.999999999 -0700 MST")))
    }
}

fn numeric_offset(offset: i64, style: OffsetStyle) -> String {
    let negative = offset / 60 < 0;
    // Go takes the sign from the minutes: seconds west of less than a minute stay as they are.
    let (minutes, seconds) = ((offset / 60).abs(), if negative { -offset } else { offset } % 60);
    let (sign, hours, minutes) = (if negative { '-' } else { '+' }, minutes / 60, minutes % 60);
    match style {
        OffsetStyle::Hours => format!("{sign}{hours:02}"),
        OffsetStyle::Plain => format!("{sign}{hours:02}{minutes:02}"),
        OffsetStyle::Colon => format!("{sign}{hours:02}:{minutes:02}"),
        OffsetStyle::Seconds => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        OffsetStyle::ColonSeconds => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn fraction(nanoseconds: u32, separator: u8, digits: usize, trim: bool) -> String {
    let all = format!("{nanoseconds:09}");
    let shown = all.get(..digits.min(9)).unwrap_or(&all);
    let shown = if trim { shown.trim_end_matches('0') } else { shown };
    if trim && shown.is_empty() { String::new() } else { format!("{}{shown}", char::from(separator)) }
}
