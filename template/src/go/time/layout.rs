//! A layout's pieces: what in `Mon Jan _2 15:04:05.000 MST 2006` stands for a field and what for itself.

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetStyle {
    /// `0700`
    Plain,
    /// `07`
    Hours,
    /// `07:00`
    Colon,
    /// `070000`
    Seconds,
    /// `07:00:00`
    ColonSeconds,
}

/// A field of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Year,
    LongYear,
    Month,
    LongMonth,
    NumMonth,
    ZeroMonth,
    WeekDay,
    LongWeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    UpperPm,
    LowerPm,
    ZoneName,
    /// `iso` writes `Z` for UTC.
    Offset {
        iso: bool,
        style: OffsetStyle,
    },
    /// `.000` or `,999`; nines leave trailing zeros out.
    Fraction {
        separator: u8,
        digits: usize,
        trim: bool,
    },
}

/// The next field of a layout with what stands before it, its own text, and what follows.
pub(super) struct Chunk<'a> {
    pub(super) prefix: &'a [u8],
    pub(super) element: Option<Element>,
    pub(super) text: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// Offsets without their sign or `Z`, the longest first.
const OFFSETS: [(&[u8], OffsetStyle); 5] = [
    (b"070000", OffsetStyle::Seconds),
    (b"07:00:00", OffsetStyle::ColonSeconds),
    (b"0700", OffsetStyle::Plain),
    (b"07:00", OffsetStyle::Colon),
    (b"07", OffsetStyle::Hours),
];

/// Splits the first field off a layout.
pub(super) fn next_chunk(layout: &[u8]) -> Chunk<'_> {
    for at in 0..layout.len() {
        let here = &layout[at..];
        // `_2006` is an underscore and a year.
        let skip = usize::from(here.starts_with(b"_2006"));
        let found = if skip == 1 { Some((Element::LongYear, 4)) } else { element(here) };
        if let Some((element, width)) = found {
            let start = at + skip;
            return Chunk {
                prefix: &layout[..start],
                element: Some(element),
                text: &layout[start..start + width],
                rest: &layout[start + width..],
            };
        }
    }
    Chunk { prefix: layout, element: None, text: &[], rest: &[] }
}

/// The field that a layout begins with, and its width.
fn element(text: &[u8]) -> Option<(Element, usize)> {
    use Element as E;
    let lower_at = |at: usize| text.get(at).is_some_and(u8::is_ascii_lowercase);
    Some(match text {
        [b'J', b'a', b'n', b'u', b'a', b'r', b'y', ..] => (E::LongMonth, 7),
        [b'J', b'a', b'n', ..] if !lower_at(3) => (E::Month, 3),
        [b'M', b'o', b'n', b'd', b'a', b'y', ..] => (E::LongWeekDay, 6),
        [b'M', b'o', b'n', ..] if !lower_at(3) => (E::WeekDay, 3),
        [b'M', b'S', b'T', ..] => (E::ZoneName, 3),
        [b'0', b'1', ..] => (E::ZeroMonth, 2),
        [b'0', b'2', ..] => (E::ZeroDay, 2),
        [b'0', b'3', ..] => (E::ZeroHour12, 2),
        [b'0', b'4', ..] => (E::ZeroMinute, 2),
        [b'0', b'5', ..] => (E::ZeroSecond, 2),
        [b'0', b'6', ..] => (E::Year, 2),
        [b'0', b'0', b'2', ..] => (E::ZeroYearDay, 3),
        [b'1', b'5', ..] => (E::Hour, 2),
        [b'1', ..] => (E::NumMonth, 1),
        [b'2', b'0', b'0', b'6', ..] => (E::LongYear, 4),
        [b'2', ..] => (E::Day, 1),
        [b'_', b'2', ..] => (E::UnderDay, 2),
        [b'_', b'_', b'2', ..] => (E::UnderYearDay, 3),
        [b'3', ..] => (E::Hour12, 1),
        [b'4', ..] => (E::Minute, 1),
        [b'5', ..] => (E::Second, 1),
        [b'P', b'M', ..] => (E::UpperPm, 2),
        [b'p', b'm', ..] => (E::LowerPm, 2),
        [sign @ (b'-' | b'Z'), rest @ ..] => {
            let (name, style) = OFFSETS.iter().find(|(name, _)| rest.starts_with(name))?;
            (E::Offset { iso: *sign == b'Z', style: *style }, name.len() + 1)
        }
        [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text[1..].iter().take_while(|c| *c == digit).count();
            if text.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            (E::Fraction { separator: *separator, digits, trim: *digit == b'9' }, digits + 1)
        }
        _ => return None,
    })
}
