//! JSON as Go's `encoding/json` prints it.
//!
//! Go escapes `<`, `>`, `&`, U+2028 and U+2029 inside strings so that JSON may stand in HTML; everything else equals `serde_json`'s compact form.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Encodes a value as Go's `json.Marshal` does.
///
/// # Errors
/// When the value's own `Serialize` fails; Herald's types never do.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    to_writer(&mut out, value)?;
    Ok(out)
}

/// Writes a value as Go's `json.Marshal` does.
///
/// # Errors
/// When writing fails, or the value's own `Serialize`.
pub fn to_writer<T: Serialize + ?Sized>(out: &mut impl io::Write, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, HtmlSafe))
}

struct HtmlSafe;

impl Formatter for HtmlSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let bytes = fragment.as_bytes();
        let mut written = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let (escape, length): (&[u8], usize) = match byte {
                b'<' => (b"\\u003c", 1),
                b'>' => (b"\\u003e", 1),
                b'&' => (b"\\u0026", 1),
                0xE2 => match bytes.get(at + 1..at + 3) {
                    Some([0x80, 0xA8]) => (b"\\u2028", 3),
                    Some([0x80, 0xA9]) => (b"\\u2029", 3),
                    _ => continue,
                },
                _ => continue,
            };
            writer.write_all(&bytes[written..at])?;
            writer.write_all(escape)?;
            written = at + length;
        }
        writer.write_all(&bytes[written..])
    }
}
