//! The cart: one value in the session, changed only where it is stored.

use std::collections::BTreeMap;

use dancecard::{Session, Typed};
use serde::{Deserialize, Serialize};

use crate::products::{self, Product};

/// Nobody needs more of one thing.
const MOST: u32 = 99;

/// How many of which product, by its id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cart(BTreeMap<String, u32>);

/// The cart in a session.
///
/// It is changed with [`Typed::update`] only, never read and set: when two tabs add something at once, the change of
/// one is made again on top of the other's.
pub(crate) fn of(session: &Session) -> Typed<Cart> {
    session.typed("cart")
}

impl Cart {
    /// Puts one more in.
    pub(crate) fn add(&mut self, product: &str) {
        let quantity = self.0.entry(product.to_owned()).or_default();
        *quantity = (*quantity + 1).min(MOST);
    }

    /// Takes all of them out.
    pub(crate) fn remove(&mut self, product: &str) {
        self.0.remove(product);
    }

    /// How many things there are.
    pub(crate) fn count(&self) -> u32 {
        self.0.values().sum()
    }

    /// What they cost together, in cents.
    pub(crate) fn total(&self) -> u32 {
        self.lines().map(|(product, quantity)| product.cents * quantity).sum()
    }

    /// Each product with its quantity.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static Product, u32)> {
        self.0.iter().filter_map(|(id, quantity)| Some((products::find(id)?, *quantity)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_and_summed_up() {
        let mut cart = Cart::default();
        for id in ["fan", "card", "fan"] {
            cart.add(id);
        }
        let (fan, card) = (products::find("fan").unwrap(), products::find("card").unwrap());
        assert_eq!((cart.count(), cart.total()), (3, 2 * fan.cents + card.cents));
        cart.remove("fan");
        assert_eq!((cart.count(), cart.total()), (1, card.cents));
    }

    #[test]
    fn there_is_a_most() {
        let mut cart = Cart::default();
        (0..MOST + 5).for_each(|_| cart.add("fan"));
        assert_eq!(cart.count(), MOST);
    }
}
