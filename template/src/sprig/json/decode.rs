//! JSON to values: objects are `map[string]interface {}`, lists `[]interface {}`, numbers `float64`.
//!
//! Fails in Go's words. Nesting is limited, and every value is charged to the rendering.

use crate::func::{Context, FuncError};
use crate::go::strconv::quote;
use crate::sprig::args::{MAX_DEPTH, charge_elements};
use crate::value::{Str, Value};

/// Why reading stops.
enum Stop {
    /// The text is no JSON; Go's words.
    Syntax(String),
    /// The rendering may not go on.
    Limit(FuncError),
}

impl From<FuncError> for Stop {
    fn from(error: FuncError) -> Self {
        Self::Limit(error)
    }
}

/// Reads a text. What is no JSON gives nil and an error; a number that is too large is nil in an otherwise good value, and an error.
pub(super) fn decode<'a>(context: &mut Context<'_>, text: &[u8]) -> Result<(Value<'a>, Option<String>), FuncError> {
    let mut decoder = Decoder { context, rest: text, number_error: None };
    match decoder.document() {
        Ok(value) => Ok((value, decoder.number_error)),
        Err(Stop::Syntax(error)) => Ok((Value::Nil, Some(error))),
        Err(Stop::Limit(error)) => Err(error),
    }
}

struct Decoder<'t, 'c, 'h> {
    context: &'c mut Context<'h>,
    rest: &'t [u8],
    number_error: Option<String>,
}

impl<'t> Decoder<'t, '_, '_> {
    fn document<'a>(&mut self) -> Result<Value<'a>, Stop> {
        let value = self.value(0)?;
        self.skip_space();
        if self.rest.is_empty() { Ok(value) } else { Err(self.unexpected("after top-level value")) }
    }

    fn skip_space(&mut self) {
        let space = self.rest.iter().take_while(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.rest = &self.rest[space..];
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// What to say about the next byte.
    fn unexpected(&self, place: &str) -> Stop {
        // Go looks at the end of the text as if a space came; where none may be, that is what it complains about.
        let space_fits =
            ["looking", "after object", "after array", "after top", "in string literal"].iter().any(|fits| place.starts_with(fits));
        Stop::Syntax(match self.peek().or_else(|| (!space_fits).then_some(b' ')) {
            None => "unexpected end of JSON input".to_owned(),
            Some(c) => {
                let shown = match c {
                    b'\'' => r"'\''".to_owned(),
                    b'"' => "'\"'".to_owned(),
                    c => {
                        let quoted = quote(char::from(c).to_string().as_bytes(), b'"', false);
                        format!("'{}'", quoted.trim_matches('"'))
                    }
                };
                format!("invalid character {shown} {place}")
            }
        })
    }

    fn value<'a>(&mut self, depth: usize) -> Result<Value<'a>, Stop> {
        charge_elements(self.context, 1)?;
        self.skip_space();
        match self.peek() {
            Some(b'{') if depth < MAX_DEPTH => self.object(depth),
            Some(b'[') if depth < MAX_DEPTH => self.array(depth),
            Some(b'{' | b'[') => Err(Stop::Syntax("exceeded max depth".to_owned())),
            Some(b'"') => self.string().map(Value::string),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn object<'a>(&mut self, depth: usize) -> Result<Value<'a>, Stop> {
        self.take();
        let mut entries: Vec<(Str<'a>, Value<'a>)> = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.take();
            return Ok(Value::dict(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.take();
            entries.push((key.into(), self.value(depth + 1)?));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.take(),
                Some(b'}') => {
                    self.take();
                    return Ok(Value::dict(entries));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            };
        }
    }

    fn array<'a>(&mut self, depth: usize) -> Result<Value<'a>, Stop> {
        self.take();
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.take();
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.take(),
                Some(b']') => {
                    self.take();
                    return Ok(Value::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            };
        }
    }

    fn literal<'a>(&mut self, name: &str, value: Value<'a>) -> Result<Value<'a>, Stop> {
        for expected in name.chars() {
            if self.peek().map(char::from) != Some(expected) {
                return Err(self.unexpected(&format!("in literal {name} (expecting '{expected}')")));
            }
            self.take();
        }
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let count = self.rest.iter().take_while(|c| c.is_ascii_digit()).count();
        self.rest = &self.rest[count..];
        count
    }

    fn number<'a>(&mut self) -> Result<Value<'a>, Stop> {
        let start: &'t [u8] = self.rest;
        if self.peek() == Some(b'-') {
            self.take();
        }
        if self.peek() == Some(b'0') {
            self.take();
        } else if self.digits() == 0 {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.peek() == Some(b'.') {
            self.take();
            if self.digits() == 0 {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.take();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.take();
            }
            if self.digits() == 0 {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        let text = String::from_utf8_lossy(&start[..start.len() - self.rest.len()]);
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::float64(value)),
            _ => {
                let error = || format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.number_error.get_or_insert_with(error);
                Ok(Value::Nil)
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Stop> {
        self.take();
        let mut out = Vec::new();
        loop {
            let plain = self.rest.iter().take_while(|c| !matches!(c, b'"' | b'\\' | ..0x20)).count();
            let (text, rest) = self.rest.split_at(plain);
            self.context.reserve(plain)?;
            out.extend_from_slice(String::from_utf8_lossy(text).as_bytes());
            self.rest = rest;
            match self.peek() {
                Some(b'"') => {
                    self.take();
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.take();
                    let mut buffer = [0; 4];
                    out.extend_from_slice(self.escape()?.encode_utf8(&mut buffer).as_bytes());
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.take();
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.take();
        Ok(c)
    }

    fn unit(&mut self) -> Result<u32, Stop> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|c| char::from(c).to_digit(16)) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            self.take();
            value = value * 16 + digit;
        }
        Ok(value)
    }

    /// Four digits, or twice four for a pair of surrogates; one without the other is U+FFFD.
    fn unicode(&mut self) -> Result<char, Stop> {
        let first = self.unit()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let before = self.rest;
        if first < 0xDC00 && self.rest.starts_with(b"\\u") {
            self.rest = &self.rest[2..];
            let second = self.unit()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.rest = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }
}
