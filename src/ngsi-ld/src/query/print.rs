//! Writing a condition back as a `q` parameter.

use std::fmt;

use super::q::{Operand, Path, Q, Scalar};

impl fmt::Display for Q {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => {
                joined(f, parts, ';', |part| matches!(part, Self::And(_) | Self::Or(_)))
            }
            // AND binds tighter, so it needs no parentheses here.
            Self::Or(parts) => joined(f, parts, '|', |part| matches!(part, Self::Or(_))),
            Self::Exists(_) | Self::Compare { .. } | Self::Match { .. } | Self::Linked(_) => {
                subject(f, self)?;
                predicate(f, self)
            }
        }
    }
}

/// What a condition is about.
fn subject(f: &mut fmt::Formatter<'_>, q: &Q) -> fmt::Result {
    match q {
        Q::Exists(path) | Q::Compare { path, .. } | Q::Match { path, .. } => write!(f, "{path}"),
        Q::Linked(linked) => {
            write!(f, "{}{{", linked.path)?;
            if let Some(name) = &linked.of_type {
                write!(f, "{}:", name.term)?;
            }
            subject(f, &linked.condition)?;
            f.write_str("}")
        }
        // Not within braces.
        Q::And(_) | Q::Or(_) => Ok(()),
    }
}

/// What a condition says of it.
fn predicate(f: &mut fmt::Formatter<'_>, q: &Q) -> fmt::Result {
    match q {
        Q::Compare { op, operand, .. } => write!(f, "{}{operand}", op.symbol()),
        Q::Match { negated, pattern, .. } => {
            f.write_str(if *negated { "!~=" } else { "~=" })?;
            quoted(f, pattern.as_str())
        }
        Q::Linked(linked) => predicate(f, &linked.condition),
        Q::Exists(_) | Q::And(_) | Q::Or(_) => Ok(()),
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Q],
    separator: char,
    enclose: impl Fn(&Q) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            write!(f, "{separator}")?;
        }
        if enclose(part) {
            write!(f, "({part})")?;
        } else {
            write!(f, "{part}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<&str> = self.names.iter().map(|name| name.term.as_str()).collect();
        f.write_str(&terms.join("."))?;
        if !self.json.is_empty() {
            write!(f, "[{}]", self.json.join("."))?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => value.fmt(f),
            Self::Range(from, to) => write!(f, "{from}..{to}"),
            Self::List(values) => {
                let texts: Vec<String> = values.iter().map(Scalar::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => quoted(f, text),
            Self::Bool(value) => value.fmt(f),
            Self::Number { text, .. }
            | Self::DateTime(text, _)
            | Self::Date(text, _)
            | Self::Time(text, _)
            | Self::Uri(text) => f.write_str(text),
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
