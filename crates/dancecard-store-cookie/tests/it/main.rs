//! Sessions that the browser carries, through the HTTP layer, with a registry and without.

#[cfg(test)]
mod ending;
#[cfg(test)]
mod house;
#[cfg(test)]
mod interleave;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod visits;
