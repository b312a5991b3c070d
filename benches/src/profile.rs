//! The data of the benchmark's sessions: about a kilobyte of what sites keep about a visitor.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Serializes to 1,013 bytes of JSON; with the other keys of the session that makes about 1,050.
#[derive(Clone, Serialize, Deserialize)]
pub struct Profile {
    name: String,
    email: String,
    roles: Vec<String>,
    address: BTreeMap<String, String>,
    recent: Vec<Item>,
    limits: BTreeMap<String, u32>,
    newsletter: bool,
    score: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    sku: u32,
    title: String,
    quantity: u32,
    price: f64,
}

/// The profile of every session; made once, so that the routes pay for storing it only.
pub static PROFILE: LazyLock<Profile> = LazyLock::new(profile);

fn profile() -> Profile {
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let item = |n: u32| Item {
        sku: 10_000 + n,
        title: format!("a pair of dancing shoes, number {n}, in black"),
        quantity: n,
        price: 49.5,
    };
    Profile {
        name: "Ada Example".into(),
        email: "ada@example.org".into(),
        roles: ["customer", "reviewer", "newsletter", "early-access"].map(Into::into).into(),
        address: text(&[
            ("city", "Exampleton"),
            ("country", "EX"),
            ("street", "12 Sample Street"),
            ("zip", "12345"),
        ]),
        recent: (1..=7).map(item).collect(),
        limits: ["daily", "monthly", "yearly"]
            .iter()
            .zip([5, 50, 500])
            .map(|(k, v)| ((*k).into(), v))
            .collect(),
        newsletter: true,
        score: 0.75,
    }
}
