//! JSON spread over lines, as Go's `json.Indent` does.

/// Adds line breaks and indentation to valid JSON without spaces; none when that gives more than `limit` bytes.
pub fn indent(json: &[u8], prefix: &str, unit: &str, limit: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity((json.len() * 2).min(limit));
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(unit.repeat(depth).as_bytes());
    };
    for (i, byte) in json.iter().enumerate() {
        if out.len() > limit {
            return None;
        }
        if in_string {
            out.push(*byte);
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        let empty = |close: u8| json.get(i + 1) == Some(&close);
        match byte {
            b'{' | b'[' => {
                out.push(*byte);
                if !empty(byte + 2) {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                if !matches!(i.checked_sub(1).and_then(|before| json.get(before)), Some(b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b'"' => {
                in_string = true;
                out.push(b'"');
            }
            other => out.push(*other),
        }
    }
    (out.len() <= limit).then_some(out)
}
