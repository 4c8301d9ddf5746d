//! Go's `path`: names with slashes, looked at as text only.

/// Shortens a path: no `.`, no `..` that can be resolved, no doubled slashes; an empty one is `.`.
#[must_use]
pub fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|c| *c == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let mut out = if rooted { b"/".to_vec() } else { Vec::new() };
    out.extend_from_slice(&parts.join(&b'/'));
    if out.is_empty() { b".".to_vec() } else { out }
}

/// Gives the last element of a path; `.` for an empty path and `/` for one of slashes only.
#[must_use]
pub fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let Some(end) = path.iter().rposition(|c| *c != b'/') else { return b"/" };
    let start = path[..end].iter().rposition(|c| *c == b'/').map_or(0, |slash| slash + 1);
    &path[start..=end]
}

/// Gives all but the last element, cleaned.
#[must_use]
pub fn dir(path: &[u8]) -> Vec<u8> {
    clean(&path[..path.iter().rposition(|c| *c == b'/').map_or(0, |slash| slash + 1)])
}

/// Gives what follows the last dot of the last element, with the dot.
#[must_use]
pub fn ext(path: &[u8]) -> &[u8] {
    let name = path.iter().rposition(|c| *c == b'/').map_or(0, |slash| slash + 1);
    path[name..].iter().rposition(|c| *c == b'.').map_or(&[], |dot| &path[name + dot..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_as_in_go() {
        for (path, cleaned, last, parent, extension) in [
            ("/a/b/c.txt", "/a/b/c.txt", "c.txt", "/a/b", ".txt"),
            ("/a/../b//c/.", "/b/c", ".", "/b/c", "."),
            ("", ".", ".", ".", ""),
            ("/", "/", "/", "/", ""),
            ("///", "/", "/", "/", ""),
            ("a/../..", "..", "..", ".", "."),
            ("/../a", "/a", "a", "/", ""),
            ("a//", "a", "a", "a", ""),
            ("../../x.tar.gz", "../../x.tar.gz", "x.tar.gz", "../..", ".gz"),
            ("a.b/c", "a.b/c", "c", "a.b", ""),
        ] {
            let got = (clean(path.as_bytes()), base(path.as_bytes()), dir(path.as_bytes()), ext(path.as_bytes()));
            assert_eq!(got, (cleaned.into(), last.as_bytes(), parent.into(), extension.as_bytes()), "{path}");
        }
    }
}
