//! Randomness that a seed repeats.

/// A small generator (splitmix64): the same seed gives the same numbers on every machine. Not for secrets.
///
/// ```
/// use dancecard_testkit::Random;
///
/// let (mut one, mut other) = (Random::new(7), Random::new(7));
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!(one.below(10) < 10);
/// ```
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator for one named purpose, so that adding a purpose leaves the numbers of the others as they are.
    pub fn named(seed: u64, name: &str) -> Self {
        let mut random = Self(seed);
        for byte in name.bytes() {
            random.0 = random.next_u64() ^ u64::from(byte);
        }
        random
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `limit`; 0 when `limit` is 0. The bias is below one in 2^32 for limits that tests use.
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.next_u64()) * limit as u128;
        (wide >> 64) as usize
    }

    /// Whether something happens that happens `share` times in a thousand.
    pub fn chance(&mut self, share: u16) -> bool {
        self.below(1000) < usize::from(share)
    }

    /// One of the things on offer; `None` of an empty offer.
    pub fn pick<'a, T>(&mut self, offer: &'a [T]) -> Option<&'a T> {
        offer.get(self.below(offer.len()))
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let word = self.next_u64().to_le_bytes();
            bytes.extend(word.iter().take(length - bytes.len()));
        }
        bytes
    }
}
