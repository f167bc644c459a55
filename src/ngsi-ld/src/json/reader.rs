//! A reader over JSON text that hands out slices instead of building a tree. It is meant for text
//! that [`check`](super::check) has passed; on other text it gives errors or ends early, but never
//! panics.

use std::borrow::Cow;

use super::plain_bytes;
use crate::error::Error;

/// A position in JSON text.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Steps over `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Steps over one value and gives its text.
    pub(crate) fn value(&mut self) -> Result<&'a str, Error> {
        let Some(first) = self.peek() else {
            return Err(malformed());
        };
        let start = self.at;
        match first {
            b'"' => {
                self.skip_string()?;
            }
            b'{' | b'[' => self.skip_nested()?,
            _ => {
                let bytes = self.text.as_bytes();
                while let Some(&byte) = bytes.get(self.at) {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b':') {
                        break;
                    }
                    self.at += 1;
                }
            }
        }
        match self.text.get(start..self.at) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(malformed()),
        }
    }

    /// Steps over a string and tells whether it has escapes.
    fn skip_string(&mut self) -> Result<bool, Error> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at += plain_bytes(bytes.get(self.at..).unwrap_or_default());
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => return Err(malformed()),
            }
        }
    }

    /// Steps over the name of a member and gives it unescaped.
    fn name(&mut self) -> Result<Cow<'a, str>, Error> {
        if self.peek() != Some(b'"') {
            return Err(malformed());
        }
        let start = self.at;
        let escaped = self.skip_string()?;
        let range = if escaped { start..self.at } else { start + 1..self.at - 1 };
        let text = self.text.get(range).ok_or_else(malformed)?;
        if escaped { string_of(text).ok_or_else(malformed) } else { Ok(Cow::Borrowed(text)) }
    }

    fn skip_nested(&mut self) -> Result<(), Error> {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(malformed())
    }
}

fn malformed() -> Error {
    Error::invalid("the document is not JSON")
}

/// The members of an object in order: unescaped name and the text of the value.
pub(crate) fn members(object: &str) -> Members<'_> {
    let mut reader = Reader::new(object);
    let state = if reader.take(b'{') { State::First } else { State::Broken };
    Members { reader, state }
}

/// The elements of an array in order, each as its text.
pub(crate) fn elements(array: &str) -> Elements<'_> {
    let mut reader = Reader::new(array);
    let state = if reader.take(b'[') { State::First } else { State::Broken };
    Elements { reader, state }
}

#[derive(Clone, Copy)]
enum State {
    First,
    Next,
    Broken,
    Done,
}

/// See [`members`].
#[derive(Clone)]
pub(crate) struct Members<'a> {
    reader: Reader<'a>,
    state: State,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Cow<'a, str>, &'a str), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if !step(&mut self.reader, &mut self.state, b'}')? {
            return Some(Err(malformed()));
        }
        let mut read = || {
            let name = self.reader.name()?;
            if !self.reader.take(b':') {
                return Err(malformed());
            }
            Ok((name, self.reader.value()?))
        };
        let item = read();
        if item.is_err() {
            self.state = State::Done;
        }
        Some(item)
    }
}

/// See [`elements`].
#[derive(Clone)]
pub(crate) struct Elements<'a> {
    reader: Reader<'a>,
    state: State,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a str, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if !step(&mut self.reader, &mut self.state, b']')? {
            return Some(Err(malformed()));
        }
        let item = self.reader.value();
        if item.is_err() {
            self.state = State::Done;
        }
        Some(item)
    }
}

/// Moves to the next item: `None` at the end, false if the text is broken.
fn step(reader: &mut Reader<'_>, state: &mut State, close: u8) -> Option<bool> {
    match state {
        State::Done => return None,
        State::Broken => {
            *state = State::Done;
            return Some(false);
        }
        State::First | State::Next => {}
    }
    if reader.take(close) {
        *state = State::Done;
        return None;
    }
    if matches!(state, State::Next) && !reader.take(b',') {
        *state = State::Done;
        return Some(false);
    }
    *state = State::Next;
    Some(true)
}

/// The first byte of a value, which tells its type.
pub(crate) fn first_byte(value: &str) -> u8 {
    Reader::new(value).peek().unwrap_or(0)
}

pub(crate) fn is_object(value: &str) -> bool {
    first_byte(value) == b'{'
}

pub(crate) fn is_array(value: &str) -> bool {
    first_byte(value) == b'['
}

pub(crate) fn is_string(value: &str) -> bool {
    first_byte(value) == b'"'
}

/// The text of a string token, unescaped; `None` if it is no string or has a broken escape.
pub(crate) fn string_of(token: &str) -> Option<Cow<'_, str>> {
    let inner = inside(token).or_else(|| inside(token.trim_ascii()))?;
    if plain_bytes(inner.as_bytes()) == inner.len() || !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(token).ok().map(Cow::Owned)
}

fn inside(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_objects_and_arrays() {
        let text = r#" { "a" : [1, {"x":"}\""}], "\u0062": null , "c":-1.5e3}"#;
        let all: Vec<_> = members(text).collect::<Result<_, _>>().unwrap();
        let names: Vec<_> = all.iter().map(|(n, v)| (n.as_ref(), *v)).collect();
        assert_eq!(names, [("a", r#"[1, {"x":"}\""}]"#), ("b", "null"), ("c", "-1.5e3")]);
        let items: Vec<_> = elements(names[0].1).collect::<Result<_, _>>().unwrap();
        assert_eq!(items, ["1", r#"{"x":"}\""}"#]);
        assert_eq!(members("{}").count(), 0);
        assert_eq!(elements("[ ]").count(), 0);
    }

    #[test]
    fn ends_on_broken_text() {
        for text in
            ["", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1 \"b\":2}", "{a:1}", "[1}", "\"\\"]
        {
            assert!(members(text).any(|m| m.is_err()), "{text}");
        }
        for text in ["", "[", "[1", "[1 2]", "[,]", "[\"", "{}"] {
            assert!(elements(text).any(|m| m.is_err()), "{text}");
        }
    }
}
