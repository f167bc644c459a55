//! Tenants and clients, as names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The text is not a name this platform gives: 1 to 64 of `a-z 0-9 - _`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a valid name: expected 1 to 64 characters of a-z, 0-9, '-' and '_'")]
pub struct InvalidName;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
                if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName)
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

name! {
    /// One municipality: the value of the `NGSILD-Tenant` header.
    TenantId
}
name! {
    /// A registered client: a vendor's app, a municipal system, a connector. The `client_id` of OAuth.
    ClientId
}

impl TenantId {
    /// The name under which a store keeps what it remembers of things that are gone. No tenant can be called so.
    #[must_use]
    pub fn past(&self) -> Self {
        Self(format!("{}.past", self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert_eq!("tsuno".parse::<TenantId>().unwrap().as_str(), "tsuno");
        for wrong in ["", "Tsuno", "a/b", "a b", "都農", &"a".repeat(65), "a\0"] {
            assert_eq!(wrong.parse::<TenantId>(), Err(InvalidName));
        }
        assert!(serde_json::from_str::<ClientId>("\"../x\"").is_err());
        let past = "tsuno".parse::<TenantId>().unwrap().past();
        assert_eq!(past.as_str().parse::<TenantId>(), Err(InvalidName));
    }
}
