//! What the suite and the wrappers promise about themselves.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod clients;
mod contract;
mod counting;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod metered;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod near;
#[cfg(test)]
mod prefixed;
