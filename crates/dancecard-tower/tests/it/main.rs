//! The layer and its extractors, in process and over sockets.

#[cfg(test)]
mod desk;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod extractors;
#[cfg(test)]
mod following;
#[cfg(test)]
mod injection;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stacks;
#[cfg(test)]
mod sweeping;
