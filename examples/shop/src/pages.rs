//! The pages, one file each, and what they are made of: `layout.rs` and `form.rs`.

pub(crate) mod about;
pub(crate) mod assets;
pub(crate) mod cart;
pub(crate) mod devices;
pub(crate) mod failure;
mod form;
pub(crate) mod front;
mod layout;
pub(crate) mod live;
pub(crate) mod password;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod slow;
