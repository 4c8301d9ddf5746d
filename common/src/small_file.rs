//! Files that a configuration names: secrets, certificates, credentials.
//!
//! In goes a path; out comes what the file holds. Never more than [`LARGEST`]: a path may lead to a device that never ends.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 4 << 20;

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is too large to be what it was named for.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LARGEST { Err(io::Error::other("it is larger than 4 MiB")) } else { Ok(bytes) }
}

/// Reads a file that holds text.
///
/// # Errors
/// When it cannot be read, is too large to be what it was named for, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused() {
        assert_eq!(read(Path::new("/dev/zero")).expect_err("no end").to_string(), "it is larger than 4 MiB");
        assert_eq!(read(Path::new("/dev/null")).expect("empty"), b"");
    }
}
