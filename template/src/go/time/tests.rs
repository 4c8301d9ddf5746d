//! Expected texts are what Go 1.26 printed with TZ=UTC.

use super::*;
use crate::go::duration::{HOUR, MINUTE};

fn at(seconds: i64, nanoseconds: i64, zone: &str) -> Time {
    Time::from_unix(seconds, nanoseconds, Location::load(zone.as_bytes()).unwrap())
}

fn formatted(time: &Time, layout: &str) -> String {
    String::from_utf8(time.format(layout.as_bytes())).unwrap()
}

#[test]
fn every_field_of_a_layout_is_written() {
    let time = at(45_796_540_226, 660_000_000, "Australia/Lord_Howe");
    assert_eq!(formatted(&time, "2006-01-02T15:04:05.999999999Z07:00"), "3421-03-28T00:10:26.66+11:00");
    assert_eq!(formatted(&time, "Mon Jan _2 3:4:5 PM MST -0700 2006"), "Wed Mar 28 12:10:26 AM +11 +1100 3421");
    assert_eq!(
        formatted(&time, "Monday, January 2 06 03:04:05pm .000 ,99 002 __2 1 01 -07 -07:00 -07:00:00 Z070000 Z07"),
        "Wednesday, March 28 21 12:10:26am .660 ,66 087  87 3 03 +11 +11:00 +11:00:00 +110000 +11"
    );
    assert_eq!(formatted(&time, "Janx Monx _2006 .0000000000 .0001 15h"), "Janx Monx _3421 .660000000 .0003 00h");
    assert_eq!(formatted(&at(0, 0, "UTC"), "Z07:00 Z0700 Z070000 -07:00 .999 05.999"), "Z Z Z +00:00  00");
    assert_eq!(formatted(&at(-92_971_902_861, 0, "Europe/Berlin"), "06 2006 -07:00:00 MST"), "77 -0977 +00:53:28 LMT");
}

#[test]
fn the_zero_time_and_extremes_print() {
    assert_eq!(Time::default().to_string(), "0001-01-01 00:00:00 +0000 UTC");
    assert!(Time::default().is_zero() && Time::default().unix() == -62_135_596_800);
    for seconds in [i64::MIN, i64::MAX] {
        for zone in ["UTC", "Europe/Berlin"] {
            let time = at(seconds, 0, zone);
            let _ = (
                time.to_string(),
                time.iso_week(),
                time.zone_bounds(),
                time.add_date(i64::MAX, i64::MIN, i64::MAX),
                time.round(Duration(i64::MAX)),
            );
            let _ = (time.add(Duration(i64::MAX)), time.sub(&Time::default()), time.unix_nano(), time.marshal_json());
        }
    }
    assert_eq!(at(253_402_300_800, 0, "UTC").marshal_json().unwrap_err(), "Time.MarshalJSON: year outside of range [0,9999]");
}

#[test]
fn arithmetic_follows_the_calendar() {
    let time = at(810_189_084, 48_881_925, "EST");
    assert_eq!(time.go_string(), r#"time.Date(1995, time.September, 3, 23, 31, 24, 48881925, time.Location("EST"))"#);
    assert_eq!(time.add_date(-15, -7, 485).to_string(), "1981-06-02 23:31:24.048881925 -0500 EST");
    assert_eq!(time.iso_week(), (1995, 35));
    assert_eq!(time.truncate(Duration(HOUR)).to_string(), "1995-09-03 23:00:00 -0500 EST");
    assert_eq!(time.round(Duration(HOUR)).to_string(), "1995-09-04 00:00:00 -0500 EST");
    assert_eq!(time.add(Duration(MINUTE)).sub(&time), Duration(MINUTE));
    let gap = Time::date_of(2024, 3, 31, 2, 30, 0, 0, Location::load(b"Europe/Berlin").unwrap());
    assert_eq!(gap.to_string(), "2024-03-31 03:30:00 +0200 CEST");
    assert!(gap.is_dst() && gap.zone_bounds().0.unix() == 1_711_846_800 && gap.zone_bounds().1.unix() == 1_729_990_800);
    assert_eq!(gap.at(Location::Local).go_string(), "time.Date(2024, time.March, 31, 1, 30, 0, 0, time.Local)");
}

#[test]
fn zones_are_known_by_their_exact_name() {
    assert!(Location::load(b"Asia/Kolkata").is_ok());
    assert_eq!(Location::load(b"asia/kolkata").unwrap_err(), "unknown time zone asia/kolkata");
    assert_eq!(Location::load(b"../etc").unwrap_err(), "time: invalid location name");
    assert_eq!(Location::load(b"").unwrap(), Location::Utc);
}

fn parsed(layout: &str, value: &str) -> String {
    parse_in_location(layout.as_bytes(), value.as_bytes(), &Location::Local).map_or_else(|e| e, |time| time.to_string())
}

#[test]
fn reads_what_go_reads() {
    for (layout, value, want) in [
        ("2006-01-02 15:04 MST", "2024-12-31 10:00 CET", "2024-12-31 10:00:00 +0000 CET"),
        ("2006-01-02 15:04 MST", "2024-12-31 10:00 GMT+3", "2024-12-31 13:00:00 +0300 GMT+3"),
        ("2006-01-02T15:04:05Z07:00", "2024-05-01T10:00:00+02:00", "2024-05-01 10:00:00 +0200 +0200"),
        ("2006-01-02T15:04:05Z07:00", "2024-05-01T10:00:00.123456789123Z", "2024-05-01 10:00:00.123456789 +0000 UTC"),
        ("Mon Jan _2 15:04:05 2006", "thu feb 14 21:00:57.5 2010", "2010-02-14 21:00:57.5 +0000 UTC"),
        ("3:04PM", "12:04AM", "0000-01-01 00:04:00 +0000 UTC"),
        ("2006-002", "2024-060", "2024-02-29 00:00:00 +0000 UTC"),
        ("06", "68", "2068-01-01 00:00:00 +0000 UTC"),
        ("06", "69", "1969-01-01 00:00:00 +0000 UTC"),
        ("15:04:05.999", "10:11:12", "0000-01-01 10:11:12 +0000 UTC"),
        ("-07:00:00", "+01:02:03", "0000-01-01 00:00:00 +0102 +0102"),
    ] {
        assert_eq!(parsed(layout, value), want, "{layout} {value}");
    }
}

#[test]
fn refuses_in_the_words_of_go() {
    for (layout, value, want) in [
        ("2006-01-02", "2023-02-29", r#"parsing time "2023-02-29": day out of range"#),
        ("2006-01-02", "2023-13-01", r#"parsing time "2023-13-01": month out of range"#),
        ("2006-01-02", "bad", r#"parsing time "bad" as "2006-01-02": cannot parse "bad" as "2006""#),
        ("2006-01-02", "2023-1-01", r#"parsing time "2023-1-01" as "2006-01-02": cannot parse "1-01" as "01""#),
        ("2006-01-02", "2023-01-01x", r#"parsing time "2023-01-01x": extra text: "x""#),
        ("2006-002", "2023-366", r#"parsing time "2023-366": day-of-year out of range"#),
        ("2006-01 002", "2023-03 059", r#"parsing time "2023-03 059": day-of-year does not match month"#),
        ("15:04:05.000", "10:11:12.12", r#"parsing time "10:11:12.12" as "15:04:05.000": cannot parse ".12" as ".000""#),
        ("MST", "ABCD", r#"parsing time "ABCD" as "MST": cannot parse "ABCD" as "MST""#),
        ("2006", "é", r#"parsing time "\xc3\xa9" as "2006": cannot parse "\xc3\xa9" as "2006""#),
    ] {
        assert_eq!(parsed(layout, value), want);
    }
}
