//! Which server has a key: consistent hashing, compatible with ketama as libmemcached does it.
//!
//! Each server has 160 points on a circle of 2^32 (one fewer group of four for a few numbers of servers, where the
//! reference rounds down): MD5 of `name-0`, `name-1`, ... gives four points each, its four words read as
//! little-endian numbers. The name is the host, followed by a colon and the port unless that is 11211; of a unix
//! socket it is the path and `:0`. A key is at the first word of its own MD5, and belongs to the server whose point
//! is there or comes next. The key is hashed as it is sent, prefix included.

use md5::{Digest, Md5};

const POINTS: f32 = 160.0;
const PER_DIGEST: f32 = 4.0;

/// The circle.
#[derive(Debug)]
pub(crate) struct Ring {
    points: Vec<(u32, usize)>,
    servers: usize,
}

impl Ring {
    /// The circle of servers with these names.
    pub(crate) fn new(names: &[String]) -> Self {
        let digests = digests(names.len());
        let points_of = |(server, name): (usize, &String)| {
            let words = (0..digests).flat_map(|number| words(format!("{name}-{number}").as_bytes()));
            words.map(|point| (point, server)).collect::<Vec<_>>()
        };
        let mut points: Vec<_> = names.iter().enumerate().flat_map(points_of).collect();
        points.sort_unstable();
        Self { points, servers: names.len() }
    }

    /// The servers in the order in which they come behind the key: its own first, each once.
    pub(crate) fn order(&self, key: &[u8]) -> impl Iterator<Item = usize> {
        let start = self.place(key);
        let behind = self.points.iter().cycle().skip(start).take(self.points.len());
        let mut met = vec![false; self.servers];
        behind.map(|(_, server)| *server).filter(move |server| !std::mem::replace(&mut met[*server], true))
    }

    /// The server of a key.
    pub(crate) fn owner(&self, key: &[u8]) -> usize {
        // One server needs no digest of every key.
        if self.servers == 1 {
            return 0;
        }
        self.points.get(self.place(key)).map_or(0, |(_, server)| *server)
    }

    fn place(&self, key: &[u8]) -> usize {
        let [hash, ..] = words(key);
        let place = self.points.partition_point(|(point, _)| *point < hash);
        if place == self.points.len() { 0 } else { place }
    }
}

/// How many digests a server's points are taken from. The rounding is that of the reference, in single precision.
fn digests(servers: usize) -> u32 {
    let servers = servers as f32;
    let share = 1.0 / servers;
    (share * POINTS / PER_DIGEST * servers + 1e-10).floor() as u32
}

fn words(bytes: &[u8]) -> [u32; 4] {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    let (words, _) = digest.as_chunks::<4>();
    std::array::from_fn(|word| words.get(word).map_or(0, |bytes| u32::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Vec<u8> {
        format!("dancecard:{number:064x}").into_bytes()
    }

    fn ring(servers: usize) -> Ring {
        let name = |number: usize| match number {
            0 => "10.0.0.0".to_owned(),
            _ => format!("10.0.0.{number}:{}", 11211 + number),
        };
        Ring::new(&(0..servers).map(name).collect::<Vec<_>>())
    }

    /// As libmemcached 1.1.4 answers (`memcached_generate_hash`, behaviour `KETAMA_WEIGHTED`) for these three servers.
    #[test]
    fn keys_are_where_libmemcached_has_them() {
        let names = ["10.0.0.1", "10.0.0.2:11212", "cache.example.org:11300"].map(str::to_owned);
        let owners = "0112001101222112212120001020211102102120110201211120021211112200";
        let ring = Ring::new(&names);
        let found: String = (0..64).map(|number| ring.owner(&key(number)).to_string()).collect();
        assert_eq!(found.len(), owners.len());
        assert_eq!(found, owners);
    }

    /// The sums of owners, weighted by their places, of the first 2000 keys, from the same source. For the first two
    /// the reference rounds down.
    #[test]
    fn many_servers_are_rounded_as_libmemcached_rounds() {
        for (servers, expected) in [(47, 44_502_231), (55, 51_891_717), (25, 23_919_322), (60, 57_764_934)] {
            let ring = ring(servers);
            let sum: usize = (0..2000).map(|number| (number + 1) * ring.owner(&key(number))).sum();
            assert_eq!(sum, expected, "{servers} servers");
        }
    }

    #[test]
    fn the_order_begins_with_the_owner_and_has_each_server_once() {
        let ring = ring(5);
        for number in 0..100 {
            let mut order: Vec<_> = ring.order(&key(number)).collect();
            assert_eq!(order.first(), Some(&ring.owner(&key(number))));
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn a_server_more_takes_its_share_and_moves_nothing_else() {
        let (before, after) = (ring(9), ring(10));
        let moved: Vec<_> = (0..10_000)
            .map(|number| (before.owner(&key(number)), after.owner(&key(number))))
            .filter(|(before, after)| before != after)
            .collect();
        assert!(moved.iter().all(|(_, to)| *to == 9));
        assert!((700..1300).contains(&moved.len()), "{}", moved.len());
    }

    #[test]
    fn the_load_is_even() {
        let ring = ring(4);
        let mut loads = [0; 4];
        (0..10_000).for_each(|number| loads[ring.owner(&key(number))] += 1);
        assert!(loads.iter().all(|load| (1900..3100).contains(load)), "{loads:?}");
    }
}
