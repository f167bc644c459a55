//! What members of staff may do, through the room's own interface, over a store in memory.
#![cfg(test)]

mod cases;
mod clients;
mod logins;
mod world;
