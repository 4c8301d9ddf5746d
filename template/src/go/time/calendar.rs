//! The Gregorian calendar, extended in both directions.

use super::Fields;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Names a month, from 1; other numbers print as in Go, `%!Month(13)`.
#[must_use]
pub fn month_name(month: i64) -> String {
    name(&MONTHS, month.wrapping_sub(1)).map_or_else(|| format!("%!Month({})", unsigned(month)), str::to_owned)
}

/// Names a day of the week, from 0 for Sunday; other numbers print as in Go.
#[must_use]
pub fn weekday_name(day: i64) -> String {
    name(&DAYS, day).map_or_else(|| format!("%!Weekday({})", unsigned(day)), str::to_owned)
}

fn name(names: &[&'static str], at: i64) -> Option<&'static str> {
    usize::try_from(at).ok().and_then(|at| names.get(at)).copied()
}

/// Go prints the number out of range as unsigned.
fn unsigned(value: i64) -> u64 {
    u64::from_ne_bytes(value.to_ne_bytes())
}

/// Finds a name at the start of a text, whatever its case: the index and the length.
pub(super) fn find_month(text: &[u8], width: Option<usize>) -> Option<(i64, usize)> {
    find(&MONTHS, text, width)
}

/// Like [`find_month`], for days of the week.
pub(super) fn find_weekday(text: &[u8], width: Option<usize>) -> Option<(i64, usize)> {
    find(&DAYS, text, width)
}

fn find(names: &[&str], text: &[u8], width: Option<usize>) -> Option<(i64, usize)> {
    (0..).zip(names).find_map(|(index, name)| {
        let name = &name.as_bytes()[..width.unwrap_or(name.len())];
        text.get(..name.len())?.eq_ignore_ascii_case(name).then_some((index, name.len()))
    })
}

/// Tells whether February has 29 days.
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Counts the days of a month from 1 to 12.
pub(super) fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts the days from 1970 to a date whose month and day may be out of range.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i128 {
    let months = i128::from(month) - 1;
    let year = i128::from(year) + months.div_euclid(12);
    // Years that begin in March have the leap day at their end.
    let from_march = (months.rem_euclid(12) + 10) % 12;
    let year = if from_march >= 10 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * from_march + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468 + i128::from(day) - 1
}

/// Splits local seconds since 1970 into calendar and clock.
pub(super) fn fields(seconds: i128) -> Fields {
    let narrow = |value: i128| i64::try_from(value).unwrap_or(0);
    let (days, clock) = (seconds.div_euclid(86_400), narrow(seconds.rem_euclid(86_400)));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = narrow(day_of_year - (153 * from_march + 2) / 5 + 1);
    let month = narrow(if from_march < 10 { from_march + 3 } else { from_march - 9 });
    let year = narrow(era * 400 + year_of_era) + i64::from(month <= 2);
    Fields {
        year,
        month,
        day,
        hour: clock / 3600,
        minute: clock / 60 % 60,
        second: clock % 60,
        year_day: narrow(days - days_from_civil(year, 1, 1)) + 1,
        weekday: narrow((days + 4).rem_euclid(7)),
    }
}
