//! Whether an error points into the text it is about.

/// Checks a line from 1 and a column from 0 in bytes, in a text whose lines end with a line feed.
pub(crate) fn assert_in_bytes(text: &str, line: usize, column: usize) {
    let found = line.checked_sub(1).and_then(|at| text.split('\n').nth(at));
    assert!(found.is_some_and(|found| column <= found.len()), "line {line}, column {column} is outside of the text");
}

/// Checks a line and a column in characters, both from 1, in a text whose lines end as YAML's do.
pub(crate) fn assert_in_characters(text: &str, line: u32, column: u32) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let found = (line as usize).checked_sub(1).and_then(|at| text.split('\n').nth(at));
    let is_inside = found.is_some_and(|found| (1..=found.chars().count() + 1).contains(&(column as usize)));
    assert!(is_inside, "line {line}, column {column} is outside of the text");
}
