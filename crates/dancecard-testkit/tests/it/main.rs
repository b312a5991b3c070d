//! What the suite and the wrappers promise about themselves.

mod contract;
