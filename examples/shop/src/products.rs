//! What there is to buy.

/// Something to buy. Its picture is the symbol of the same id in `assets/art.svg`.
pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cents: u32,
}

/// All there is.
pub(crate) const ALL: [Product; 6] = [
    Product {
        id: "card",
        name: "Dance card",
        about: "Twelve lines for twelve dances, with a pencil on a cord.",
        cents: 1_200,
    },
    Product {
        id: "slippers",
        name: "Dancing slippers",
        about: "Kid leather, a low heel, soles that turn.",
        cents: 6_800,
    },
    Product { id: "fan", name: "Folding fan", about: "Painted silk on eighteen wooden ribs.", cents: 2_600 },
    Product {
        id: "gloves",
        name: "Opera gloves",
        about: "Cotton satin, to the elbow, sold in pairs.",
        cents: 3_400,
    },
    Product { id: "tie", name: "Bow tie", about: "To be tied by hand. The leaflet shows how.", cents: 2_900 },
    Product {
        id: "record",
        name: "Gramophone record",
        about: "A waltz on one side, a polka on the other.",
        cents: 1_900,
    },
];

/// The product of that id.
pub(crate) fn find(id: &str) -> Option<&'static Product> {
    ALL.iter().find(|product| product.id == id)
}

/// An amount as people read it.
pub(crate) fn price(cents: u32) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_two_digits_behind_the_point() {
        assert_eq!(price(1_205), "€12.05");
    }

    #[test]
    fn each_product_has_a_picture() {
        let art = include_str!("../assets/art.svg");
        for product in &ALL {
            assert!(art.contains(&format!("id=\"{}\"", product.id)), "{}", product.id);
        }
    }
}
