//! The behaviour of the session layer, seen from outside.

#[cfg(test)]
mod house;
#[cfg(test)]
mod probe;

#[cfg(test)]
mod memory;
mod session;
