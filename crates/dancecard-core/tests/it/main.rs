//! The behaviour of the session layer, seen from outside.

#[cfg(test)]
mod hooks;
#[cfg(test)]
mod house;
#[cfg(test)]
mod probe;

#[cfg(test)]
mod announced;
#[cfg(test)]
mod codecs;
#[cfg(test)]
mod committing;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod ending_all;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod leak;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod live;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod namespaces;
#[cfg(test)]
mod near;
#[cfg(test)]
mod observers;
#[cfg(test)]
mod principals;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod session;
#[cfg(test)]
mod tokens;
