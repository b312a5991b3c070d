//! The behaviour of the session layer, seen from outside.

#[cfg(test)]
mod house;
#[cfg(test)]
mod probe;

mod codecs;
mod ending;
mod failure;
mod leak;
mod lifetimes;
mod live;
#[cfg(test)]
mod memory;
mod namespaces;
mod observers;
mod principals;
mod rotation;
mod session;
