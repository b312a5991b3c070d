//! The behaviour of the session layer, seen from outside.

#[cfg(test)]
mod house;
#[cfg(test)]
mod probe;

mod ending;
mod lifetimes;
#[cfg(test)]
mod memory;
mod rotation;
mod session;
