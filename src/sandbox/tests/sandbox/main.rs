//! The servers of the sandbox, each through HTTP.

#[cfg(test)]
mod coin_issuer;
#[cfg(test)]
mod daa;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod municipal;
#[cfg(test)]
mod party;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vendor;
#[cfg(test)]
mod xid;
