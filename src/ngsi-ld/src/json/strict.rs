//! The check every document passes before anything else looks at it (RFC 8259, and stricter).

use std::borrow::Cow;
use std::collections::HashSet;

use super::{plain_bytes, push_pointer, string_of};
use crate::error::{Error, ErrorKind};

/// Up to this many members an object's names are compared one by one; above, by a set.
const FEW: usize = 12;

/// What a document may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nested arrays and objects.
    pub max_depth: usize,
    /// Bytes of the whole document.
    pub max_bytes: usize,
}

impl Default for Limits {
    /// 64 levels and 1 MiB.
    fn default() -> Self {
        Self { max_depth: 64, max_bytes: 1 << 20 }
    }
}

/// Checks that `bytes` are one JSON value (RFC 8259) in UTF-8, nested no deeper than the limit, with
/// no object that has a name twice (names compared after unescaping) and no lone surrogate escape.
///
/// One pass, no recursion, no tree. Errors tell line, column and JSON pointer, and never a value.
pub fn check<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Error> {
    if bytes.len() > limits.max_bytes {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("the document has more than {} bytes", limits.max_bytes),
        )
        .remedy("split it into several requests"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let (line, column) = line_column(before);
        Error::invalid(format!("the document is not UTF-8 at line {line}, column {column}"))
            .remedy("save or send it in UTF-8")
    })?;
    let (stack, names) = (Vec::with_capacity(8), Vec::with_capacity(32));
    Scan { text, bytes, at: 0, max_depth: limits.max_depth, stack, names }.run()?;
    Ok(text)
}

struct Frame<'a> {
    /// Whether it is an object, not an array.
    object: bool,
    /// Where the names of an object begin among those of all open objects.
    first: usize,
    /// The names of an object that has more than a few.
    many: Option<HashSet<Cow<'a, str>>>,
    /// Elements begun so far in an array.
    index: usize,
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    stack: Vec<Frame<'a>>,
    /// The names seen so far in every open object, outermost first.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) -> Result<(), Error> {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(self
                .fault("the document begins with a byte order mark")
                .remedy("save it without one"));
        }
        // Each turn reads one value, then closes what it completes.
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    self.open(true)?;
                    self.space();
                    if self.peek() == Some(b'}') {
                        self.close();
                    } else {
                        self.name()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.open(false)?;
                    self.space();
                    if self.peek() == Some(b']') {
                        self.close();
                    } else {
                        continue;
                    }
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                None => return Err(self.fault("the document ends where a value is expected")),
                Some(_) => return Err(self.fault("a value is expected")),
            }
            if !self.after_value()? {
                return Ok(());
            }
        }
    }

    /// After a value: closes containers and steps over a comma. False at the end of the document.
    fn after_value(&mut self) -> Result<bool, Error> {
        loop {
            self.space();
            let Some(frame) = self.stack.last_mut() else {
                return match self.peek() {
                    None => Ok(false),
                    Some(_) => Err(self.fault("something follows the value")),
                };
            };
            let object = frame.object;
            match self.bytes.get(self.at) {
                Some(b',') => {
                    self.at += 1;
                    frame.index += 1;
                    if object {
                        self.space();
                        self.name()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if object => self.close(),
                Some(b']') if !object => self.close(),
                None => return Err(self.fault("the document ends inside an object or array")),
                Some(_) => return Err(self.fault("a comma or the closing bracket is expected")),
            }
        }
    }

    fn open(&mut self, object: bool) -> Result<(), Error> {
        if self.stack.len() >= self.max_depth {
            let mut error =
                self.fault(format!("the document is nested more than {} levels", self.max_depth));
            error.kind = ErrorKind::TooDeep;
            return Err(error.remedy("send a flatter document"));
        }
        self.at += 1;
        self.stack.push(Frame { object, first: self.names.len(), many: None, index: 0 });
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(frame) = self.stack.pop() {
            self.names.truncate(frame.first);
        }
    }

    /// Notes a name; false if the innermost object has it already.
    fn add(&mut self, name: Cow<'a, str>) -> bool {
        let Some(frame) = self.stack.last_mut() else { return true };
        let own = self.names.get(frame.first..).unwrap_or_default();
        let fresh = match &mut frame.many {
            Some(many) => many.insert(name.clone()),
            None => !own.contains(&name),
        };
        self.names.push(name);
        if frame.many.is_none() && self.names.len() - frame.first > FEW {
            frame.many = Some(self.names.iter().skip(frame.first).cloned().collect());
        }
        fresh
    }

    fn name(&mut self) -> Result<(), Error> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("a member name in double quotes is expected"));
        }
        let start = self.at;
        let token = self.string()?;
        if !self.add(string_of(token).unwrap_or_default()) {
            self.at = start;
            return Err(self
                .fault("the object has this member twice")
                .remedy("keep one of the two members"));
        }
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.fault("a colon is expected after the member name"));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a string token, quotes included.
    fn string(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        self.at += 1;
        loop {
            self.at += plain_bytes(self.bytes.get(self.at..).unwrap_or_default());
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(self.fault("the document ends inside a string"));
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(self.text.get(start..self.at).unwrap_or_default());
                }
                b'\\' => self.escape()?,
                0..0x20 => {
                    return Err(self
                        .fault("a control character inside a string")
                        .remedy("escape it, for example \\n for a line break"));
                }
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let first = self.hex()?;
                match first {
                    0xd800..=0xdbff => {
                        let low = self.bytes.get(self.at..self.at + 2) == Some(b"\\u")
                            && matches!(self.hex()?, 0xdc00..=0xdfff);
                        if !low {
                            return Err(self
                                .fault("half of a surrogate pair")
                                .remedy("write the character itself, or both halves of the pair"));
                        }
                    }
                    0xdc00..=0xdfff => {
                        return Err(self
                            .fault("half of a surrogate pair")
                            .remedy("write the character itself, or both halves of the pair"));
                    }
                    _ => {}
                }
            }
            _ => return Err(self.fault("an unknown escape inside a string")),
        }
        Ok(())
    }

    /// Reads `\uXXXX` at the current position.
    fn hex(&mut self) -> Result<u32, Error> {
        let mut code = 0;
        for offset in 2..6 {
            let digit = self.bytes.get(self.at + offset).and_then(|&b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.fault("four hexadecimal digits are expected after \\u"));
            };
            code = code * 16 + digit;
        }
        self.at += 6;
        Ok(code)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Error> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word) {
            return Err(self.fault("a value is expected"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit is expected")) } else { Ok(()) }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// An error at the current position.
    fn fault(&self, what: impl Into<String>) -> Error {
        let (line, column) = line_column(self.bytes.get(..self.at).unwrap_or_default());
        let mut pointer = String::new();
        for (depth, frame) in self.stack.iter().enumerate() {
            let end = self.stack.get(depth + 1).map_or(self.names.len(), |inner| inner.first);
            let last = self.names.get(frame.first..end).and_then(<[_]>::last);
            match last {
                Some(name) => push_pointer(&mut pointer, name),
                None if frame.object => {}
                None => push_pointer(&mut pointer, &frame.index.to_string()),
            }
        }
        Error::invalid(format!("{} at line {line}, column {column}", what.into())).at(pointer)
    }
}

/// Line and column (in characters), both from 1, of the position after `before`.
fn line_column(before: &[u8]) -> (usize, usize) {
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let tail = before.get(start..).unwrap_or_default();
    // Bytes that continue a character do not count.
    (line, tail.iter().filter(|&&b| b & 0xc0 != 0x80).count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> Error {
        check(text.as_bytes(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn takes_json() {
        for text in [
            "null",
            " [1, -0.5e+10, \"\\ud83d\\ude00\", {\"a\": {}, \"b\": [[], {}]}]\n",
            "{\"名\":\"都農\"}",
        ] {
            assert_eq!(check(text.as_bytes(), &Limits::default()), Ok(text));
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "tru",
            "nulll",
            "[1 2]",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"",
            "[}",
            "{]",
            "1 2",
            "\u{feff}1",
        ] {
            assert_eq!(fails(text).kind, ErrorKind::InvalidRequest, "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tells_where() {
        let error = fails("{\"a\": {\n  \"b/c\": [1, 2, x]}}");
        assert_eq!(error.pointer.as_deref(), Some("/a/b~1c/2"));
        assert_eq!(error.detail, "a value is expected at line 2, column 17");
    }

    #[test]
    fn refuses_a_name_twice_even_if_escaped() {
        let error = fails("{\"o\": {\"a\": 1, \"\\u0061\": 2}}");
        assert_eq!(error.pointer.as_deref(), Some("/o/a"));
        assert!(error.detail.contains("twice"));
        let many: Vec<String> = (0..40).map(|n| format!("\"k{n}\":0")).collect();
        assert!(check(format!("{{{}}}", many.join(",")).as_bytes(), &Limits::default()).is_ok());
        assert!(fails(&format!("{{{},\"k3\":1}}", many.join(","))).detail.contains("twice"));
    }

    #[test]
    fn refuses_lone_surrogates_bad_utf8_depth_and_size() {
        for text in ["\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0061\""] {
            assert!(fails(text).detail.contains("surrogate"), "{text}");
        }
        let limits = Limits { max_depth: 3, max_bytes: 20 };
        assert_eq!(check(b"\"\xff\"", &limits).unwrap_err().kind, ErrorKind::InvalidRequest);
        assert!(check(b"[[[]]]", &limits).is_ok());
        assert_eq!(check(b"[[[[]]]]", &limits).unwrap_err().kind, ErrorKind::TooDeep);
        assert_eq!(check(&[b' '; 21], &limits).unwrap_err().kind, ErrorKind::TooLarge);
        let deep = "[".repeat(1_000_000);
        assert!(check(deep.as_bytes(), &Limits { max_depth: 64, max_bytes: 2_000_000 }).is_err());
    }
}
