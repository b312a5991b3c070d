//! What the suite and the wrappers promise about themselves.

#[cfg(test)]
mod broken;
mod contract;
#[cfg(test)]
mod mutation;
