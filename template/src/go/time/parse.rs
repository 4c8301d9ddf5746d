//! Text to times, by a layout.

use super::{
    Location, Time, calendar,
    layout::{Element, OffsetStyle, next_chunk},
    quote,
};

/// Reads a time; without a zone in the text it is in UTC.
///
/// # Errors
/// Go's text: `parsing time "x" as "2006": cannot parse "x" as "2006"` and the like.
pub fn parse(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    read(layout, value, &Location::Utc, &Location::Local)
}

/// Reads a time; without a zone in the text it is at the place given.
///
/// # Errors
/// As [`parse`].
pub fn parse_in_location(layout: &[u8], value: &[u8], location: &Location) -> Result<Time, String> {
    read(layout, value, location, location)
}

/// Why a field could not be read.
enum Failure {
    /// The text is of another form.
    Form,
    /// The number is too large for the field, which is named.
    Range(&'static str),
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    am: bool,
    pm: bool,
    utc: bool,
    offset: Option<i32>,
    zone_name: String,
}

fn read(layout: &[u8], value: &[u8], default: &Location, local: &Location) -> Result<Time, String> {
    let mismatch = |left: &[u8], wanted: &[u8]| {
        let [value, layout, left, wanted] = [value, layout, left, wanted].map(quote);
        format!("parsing time {value} as {layout}: cannot parse {left} as {wanted}")
    };
    let wrong = |message: &str| format!("parsing time {}: {message}", quote(value));
    let mut reading = Reading::default();
    let (mut rest_layout, mut left) = (layout, value);
    loop {
        let chunk = next_chunk(rest_layout);
        left = skip(left, chunk.prefix).map_err(|left| mismatch(left, chunk.prefix))?;
        let Some(element) = chunk.element else {
            if !left.is_empty() {
                return Err(wrong(&format!("extra text: {}", quote(left))));
            }
            break;
        };
        rest_layout = chunk.rest;
        left = reading.take(element, left, rest_layout).map_err(|failure| match failure {
            Failure::Form => mismatch(left, chunk.text),
            Failure::Range(field) => wrong(&format!("{field} out of range")),
        })?;
    }
    reading.finish(default, local).map_err(wrong)
}

/// Skips the layout's own text; a space stands for any number of them.
fn skip<'a>(mut value: &'a [u8], mut prefix: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    while let Some(expected) = prefix.first() {
        if *expected == b' ' {
            if value.first().is_some_and(|c| *c != b' ') {
                return Err(value);
            }
            prefix = without_spaces(prefix);
            value = without_spaces(value);
            continue;
        }
        match value.split_first() {
            Some((c, rest)) if c == expected => value = rest,
            _ => return Err(value),
        }
        prefix = &prefix[1..];
    }
    Ok(value)
}

fn without_spaces(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|c| **c == b' ').count()..]
}

fn digit_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// One or two digits; two when `fixed`.
fn number(text: &[u8], fixed: bool) -> Result<(i64, &[u8]), Failure> {
    match (digit_at(text, 0), digit_at(text, 1)) {
        (true, true) => Ok((i64::from(text[0] - b'0') * 10 + i64::from(text[1] - b'0'), &text[2..])),
        (true, false) if !fixed => Ok((i64::from(text[0] - b'0'), &text[1..])),
        _ => Err(Failure::Form),
    }
}

/// A number with an optional sign that takes all of the text.
fn whole_number(text: &[u8]) -> Result<i64, Failure> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Failure::Form)
}

/// The separator and the digits after it as nanoseconds; digits beyond the ninth are cut.
fn nanoseconds(text: &[u8]) -> Result<i64, Failure> {
    match text.split_first() {
        Some((b'.' | b',', digits)) if !digits.is_empty() => {
            let shown = &digits[..digits.len().min(9)];
            let value = whole_number(shown)?;
            if value < 0 {
                return Err(Failure::Range("fractional second"));
            }
            Ok(value * 10_i64.pow(9 - u32::try_from(shown.len()).unwrap_or(9)))
        }
        _ => Err(Failure::Form),
    }
}

impl Reading {
    /// Reads one field off the text and gives what follows it.
    fn take<'a>(&mut self, element: Element, value: &'a [u8], rest_layout: &[u8]) -> Result<&'a [u8], Failure> {
        use Element as E;
        let within = |number: i64, range: std::ops::RangeInclusive<i64>, field| {
            if range.contains(&number) { Ok(number) } else { Err(Failure::Range(field)) }
        };
        match element {
            E::Year => {
                let (digits, rest) = value.split_at_checked(2).ok_or(Failure::Form)?;
                let year = whole_number(digits)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                Ok(rest)
            }
            E::LongYear => {
                let (digits, rest) = value.split_at_checked(4).filter(|_| digit_at(value, 0)).ok_or(Failure::Form)?;
                self.year = whole_number(digits)?;
                Ok(rest)
            }
            E::Month | E::LongMonth => {
                let (index, width) = calendar::find_month(value, (element == E::Month).then_some(3)).ok_or(Failure::Form)?;
                self.month = Some(index + 1);
                Ok(&value[width..])
            }
            E::NumMonth | E::ZeroMonth => {
                let (month, rest) = number(value, element == E::ZeroMonth)?;
                self.month = Some(within(month, 1..=12, "month")?);
                Ok(rest)
            }
            E::WeekDay | E::LongWeekDay => {
                let (_, width) = calendar::find_weekday(value, (element == E::WeekDay).then_some(3)).ok_or(Failure::Form)?;
                Ok(&value[width..])
            }
            E::Day | E::UnderDay | E::ZeroDay => {
                let value = if element == E::UnderDay { value.strip_prefix(b" ").unwrap_or(value) } else { value };
                let (day, rest) = number(value, element == E::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            E::UnderYearDay | E::ZeroYearDay => {
                let mut value = value;
                if element == E::UnderYearDay {
                    value = value.strip_prefix(b"  ").or_else(|| value.strip_prefix(b" ")).unwrap_or(value);
                }
                let width = (0..3).take_while(|at| digit_at(value, *at)).count();
                if width == 0 || element == E::ZeroYearDay && width != 3 {
                    return Err(Failure::Form);
                }
                self.year_day = Some(whole_number(&value[..width])?);
                Ok(&value[width..])
            }
            E::Hour => {
                let (hour, rest) = number(value, false)?;
                self.hour = within(hour, 0..=23, "hour")?;
                Ok(rest)
            }
            E::Hour12 | E::ZeroHour12 => {
                let (hour, rest) = number(value, element == E::ZeroHour12)?;
                self.hour = within(hour, 0..=12, "hour")?;
                Ok(rest)
            }
            E::Minute | E::ZeroMinute => {
                let (minute, rest) = number(value, element == E::ZeroMinute)?;
                self.minute = within(minute, 0..=59, "minute")?;
                Ok(rest)
            }
            E::Second | E::ZeroSecond => {
                let (second, rest) = number(value, element == E::ZeroSecond)?;
                self.second = within(second, 0..=59, "second")?;
                // A fraction in the text that the layout does not mention is read all the same.
                let fraction_follows = rest.first().is_some_and(|c| matches!(c, b'.' | b',')) && digit_at(rest, 1);
                if !fraction_follows || matches!(next_chunk(rest_layout).element, Some(E::Fraction { .. })) {
                    return Ok(rest);
                }
                self.fraction(rest)
            }
            E::UpperPm | E::LowerPm => {
                let (word, rest) = value.split_at_checked(2).ok_or(Failure::Form)?;
                match (element, word) {
                    (E::UpperPm, b"PM") | (E::LowerPm, b"pm") => self.pm = true,
                    (E::UpperPm, b"AM") | (E::LowerPm, b"am") => self.am = true,
                    _ => return Err(Failure::Form),
                }
                Ok(rest)
            }
            E::Offset { iso: true, .. } if value.first() == Some(&b'Z') => {
                self.utc = true;
                Ok(&value[1..])
            }
            E::Offset { style, .. } => self.numeric_offset(value, style),
            E::ZoneName => {
                if let Some(rest) = value.strip_prefix(b"UTC") {
                    self.utc = true;
                    return Ok(rest);
                }
                let width = zone_name_width(value).ok_or(Failure::Form)?;
                self.zone_name = String::from_utf8_lossy(&value[..width]).into_owned();
                Ok(&value[width..])
            }
            E::Fraction { digits, trim: false, .. } => {
                let (text, rest) = value.split_at_checked(1 + digits).ok_or(Failure::Form)?;
                self.nanosecond = nanoseconds(text)?;
                Ok(rest)
            }
            E::Fraction { .. } if value.first().is_some_and(|c| matches!(c, b'.' | b',')) && digit_at(value, 1) => self.fraction(value),
            E::Fraction { .. } => Ok(value),
        }
    }

    /// A separator and as many digits as there are.
    fn fraction<'a>(&mut self, value: &'a [u8]) -> Result<&'a [u8], Failure> {
        let width = 1 + value[1..].iter().take_while(|c| c.is_ascii_digit()).count();
        self.nanosecond = nanoseconds(&value[..width])?;
        Ok(&value[width..])
    }

    fn numeric_offset<'a>(&mut self, value: &'a [u8], style: OffsetStyle) -> Result<&'a [u8], Failure> {
        // Where hours, minutes and seconds stand, and where colons do.
        let (width, fields, colons): (usize, &[usize], &[usize]) = match style {
            OffsetStyle::Hours => (3, &[1], &[]),
            OffsetStyle::Plain => (5, &[1, 3], &[]),
            OffsetStyle::Colon => (6, &[1, 4], &[3]),
            OffsetStyle::Seconds => (7, &[1, 3, 5], &[]),
            OffsetStyle::ColonSeconds => (9, &[1, 4, 7], &[3, 6]),
        };
        let (text, rest) = value.split_at_checked(width).ok_or(Failure::Form)?;
        if colons.iter().any(|at| text[*at] != b':') {
            return Err(Failure::Form);
        }
        let mut numbers = [0; 3];
        // Go complains about the range before it complains about the form.
        let mut form = Ok(());
        for (number_at, at) in numbers.iter_mut().zip(fields) {
            match number(&text[*at..at + 2], true) {
                Ok((value, _)) => *number_at = value,
                Err(failure) => {
                    form = Err(failure);
                    break;
                }
            }
        }
        let [hours, minutes, seconds] = numbers;
        let limits =
            [(seconds, 60, "time zone offset second"), (minutes, 60, "time zone offset minute"), (hours, 24, "time zone offset hour")];
        if let Some((_, _, field)) = limits.iter().find(|(value, limit, _)| value > limit) {
            return Err(Failure::Range(field));
        }
        form?;
        let total = i32::try_from((hours * 60 + minutes) * 60 + seconds).unwrap_or(0);
        self.offset = Some(match text[0] {
            b'+' => total,
            b'-' => -total,
            _ => return Err(Failure::Form),
        });
        Ok(rest)
    }

    fn finish(mut self, default: &Location, local: &Location) -> Result<Time, &'static str> {
        if self.pm && self.hour < 12 {
            self.hour += 12;
        } else if self.am && self.hour == 12 {
            self.hour = 0;
        }
        let (month, day) = match self.year_day {
            Some(year_day) => self.month_and_day(year_day)?,
            None => (self.month.unwrap_or(1), self.day.unwrap_or(1)),
        };
        if day < 1 || day > calendar::days_in(month, self.year) {
            return Err("day out of range");
        }
        let at = |location: Location| Time::date_of(self.year, month, day, self.hour, self.minute, self.second, self.nanosecond, location);
        if self.utc {
            return Ok(at(Location::Utc));
        }
        let moved = |time: &Time, offset: i32, location: Location| {
            Time::from_unix(time.unix().wrapping_sub(i64::from(offset)), i64::from(time.nanosecond()), location)
        };
        // Go takes an offset of one second west for "none was read".
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let there = moved(&at(Location::Utc), offset, local.clone());
            let (name, local_offset) = there.zone();
            if local_offset == i64::from(offset) && (self.zone_name.is_empty() || self.zone_name == name) {
                return Ok(there);
            }
            return Ok(there.at(Location::Fixed { name: self.zone_name.into(), offset }));
        }
        if !self.zone_name.is_empty() {
            let there = at(Location::Utc);
            if let Some(offset) = local.lookup_name(&self.zone_name, there.unix()) {
                return Ok(moved(&there, offset, local.clone()));
            }
            let hours = self.zone_name.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0);
            return Ok(there.at(Location::Fixed { name: self.zone_name.into(), offset: hours.saturating_mul(3600) }));
        }
        Ok(at(default.clone()))
    }

    /// Month and day from the day of the year, which must not contradict what else was read.
    fn month_and_day(&self, year_day: i64) -> Result<(i64, i64), &'static str> {
        let length = 365 + i64::from(calendar::is_leap(self.year));
        if !(1..=length).contains(&year_day) {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, year_day);
        while day > calendar::days_in(month, self.year) {
            day -= calendar::days_in(month, self.year);
            month += 1;
        }
        if self.month.is_some_and(|seen| seen != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|seen| seen != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// How much of a text is a zone's abbreviation: three to five capitals, `GMT+3`, `-03`.
fn zone_name_width(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_width(rest));
    }
    if matches!(value[0], b'+' | b'-') {
        return Some(signed_offset_width(value)).filter(|width| *width > 0);
    }
    match value.iter().take(6).take_while(|c| c.is_ascii_uppercase()).count() {
        5 if value[4] == b'T' => Some(5),
        4 if value[3] == b'T' || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The width of a sign and a number of at most 23, else 0.
fn signed_offset_width(value: &[u8]) -> usize {
    let Some((b'+' | b'-', rest)) = value.split_first() else { return 0 };
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    match whole_number(&rest[..digits]) {
        Ok(0..=23) => digits + 1,
        _ => 0,
    }
}
