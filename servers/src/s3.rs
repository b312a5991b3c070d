//! A server of the S3 interface: SeaweedFS, of four programs, each of which does one thing.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::folder::Ground;
use crate::launch::{Kind, LOG, Site, Software};
use crate::patience::{has, until};
use crate::port::Port;
use crate::{Absent, Running, ping, program};

/// The bucket that is there from the start.
pub const BUCKET: &str = "dancecard";
/// The region it says it is in.
pub const REGION: &str = "us-east-1";
/// The name of the credentials that it accepts.
pub const ACCESS_KEY: &str = "dancecard-tests";
/// The secret of those.
pub const SECRET_KEY: &str = "canary-4711-secret";
/// Where in the bucket everybody may read and write without credentials.
pub const OPEN: &str = "open";

const IDENTITIES: &str = "identities.json";
const OK: &[u8] = b"HTTP/1.1 200";
const CREATED: &[u8] = b"HTTP/1.1 201";

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    find().map(|_| ())
}

/// A server with an empty bucket. What it acknowledged is there after a kill.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<S3, Absent> {
    start_on(&Ground::Temporary)
}

pub(crate) fn start_on(ground: &Ground) -> Result<S3, Absent> {
    let (master, leads) = Part::start(ground, Role::Master, None)?;
    let (volume, _) = Part::start(ground, Role::Volume, Some(leads.clone()))?;
    let (filer, names) = Part::start(ground, Role::Filer, Some(leads))?;
    settle(&master, &filer)?;
    let bucket = until(|| call(filer.port(), &format!("POST /buckets/{BUCKET}/"), CREATED));
    bucket.map_err(|error| filer.broken(&error.to_string()))?;
    let (gateway, _) = Part::start(ground, Role::Gateway, Some(names))?;
    Ok(S3 { gateway, filer, volume, master })
}

/// Waits until there is room for objects, and until the filer was told that it keeps the locks under which conditions are
/// checked: by the master, a second after it came up. If that comes while requests are served, two of them may each have the lock.
fn settle(master: &Running, filer: &Running) -> Result<(), Absent> {
    let room = until(|| call(master.port(), &format!("GET /dir/assign?collection={BUCKET}"), OK));
    room.map_err(|error| master.broken(&error.to_string()))?;
    until(|| keeps_locks(filer)).map_err(|error| filer.broken(&error.to_string()))
}

/// It says so in its log only.
fn keeps_locks(filer: &Running) -> io::Result<()> {
    let log = std::fs::read(filer.folder().join(LOG))?;
    let log = String::from_utf8_lossy(&log);
    let since_the_start = log.rsplit("Start Seaweed").next().unwrap_or_default();
    has(since_the_start, "received ring update")
}

/// The service. Dropped, all of it is gone.
#[derive(Debug)]
pub struct S3 {
    /// Speaks S3.
    gateway: Running,
    /// Knows the names, and compares.
    filer: Running,
    /// Has the bytes.
    volume: Running,
    /// Knows the others.
    master: Running,
}

impl S3 {
    /// Where clients find it.
    pub fn url(&self) -> String {
        self.gateway.url()
    }

    /// The same, with bucket and credentials, as the engine for object stores reads it.
    pub fn engine_url(&self) -> String {
        let place = format!("endpoint={}&bucket={BUCKET}&region={REGION}", self.url());
        format!("object:s3?{place}&access_key_id={ACCESS_KEY}&secret_access_key={SECRET_KEY}")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// What it consists of: first the one that clients talk to, last the one that the others need.
    pub fn members(&self) -> [&Running; 4] {
        [&self.gateway, &self.filer, &self.volume, &self.master]
    }

    /// Ends all of it at once, as a power cut does.
    pub fn kill(&self) {
        self.members().iter().for_each(|member| member.kill());
    }

    /// Starts it again, on the same ports and the same data.
    ///
    /// # Errors
    /// When it does not come up, or another program took a port.
    pub fn restart(&self) -> Result<(), Absent> {
        self.members().iter().for_each(|member| member.stop());
        [&self.master, &self.volume, &self.filer].into_iter().try_for_each(|part| part.restart())?;
        settle(&self.master, &self.filer)?;
        self.gateway.restart()
    }

    /// Lets it hang: connections stay open and are even accepted, and nothing is answered.
    pub fn pause(&self) {
        self.gateway.pause();
    }

    /// Lets it go on after a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.gateway.resume();
    }

    /// Its programs, in the order of [`members`](Self::members).
    pub fn into_members(self) -> Vec<Running> {
        vec![self.gateway, self.filer, self.volume, self.master]
    }
}

/// What a program of the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Master,
    Volume,
    Filer,
    Gateway,
}

impl Role {
    /// That which a service's process is recorded as.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        [Self::Master, Self::Volume, Self::Filer, Self::Gateway].into_iter().find(|role| role.name() == kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Master => "s3-master",
            Self::Volume => "s3-volume",
            Self::Filer => "s3-filer",
            Self::Gateway => "s3",
        }
    }

    /// How the program is told what to be, and what belongs to that. Paths are within its folder.
    fn words(self) -> &'static [&'static str] {
        match self {
            // It need not wait for others, and tells nobody outside that it runs.
            Self::Master => &[
                "master",
                "-ip=127.0.0.1",
                "-mdir=.",
                "-peers=none",
                "-telemetry=false",
                "-volumeSizeLimitMB=64",
            ],
            Self::Volume => &["volume", "-ip=127.0.0.1", "-dir=.", "-max=100", "-preStopSeconds=0"],
            Self::Filer => &["filer", "-ip=127.0.0.1", "-defaultStoreDir=.", "-localSocket=filer.sock"],
            Self::Gateway => &[
                "s3",
                "-config=identities.json",
                "-autoCreateBucket=false",
                "-iam=false",
                "-port.iceberg=0",
                "-port.lance=0",
                "-localSocket=s3.sock",
            ],
        }
    }

    /// The option that names the program which this one needs.
    fn needs(self) -> &'static str {
        if self == Self::Gateway { "-filer" } else { "-master" }
    }

    fn health(self) -> &'static str {
        if self == Self::Master { "GET /cluster/healthz" } else { "GET /healthz" }
    }
}

/// One program of the service.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) role: Role,
    /// Where the others talk to it.
    pub(crate) inner: Option<Port>,
    /// The one that it needs.
    pub(crate) needed: Option<String>,
}

impl Part {
    /// Starts it, and says where the others find it.
    fn start(ground: &Ground, role: Role, needed: Option<String>) -> Result<(Running, String), Absent> {
        let inner = Port::free().map_err(|error| Absent::broken("s3", error.to_string()))?;
        let number = inner.number();
        let running = Running::start(ground, Arc::new(Self { role, inner: Some(inner), needed }))?;
        let place = format!("127.0.0.1:{}.{number}", running.port());
        Ok((running, place))
    }
}

impl Software for Part {
    fn kind(&self) -> Kind {
        Kind { name: self.role.name(), requirement: "s3" }
    }

    fn command(&self, site: &Site) -> Result<Vec<OsString>, Absent> {
        let program = find()?.into_os_string();
        let inner = self.inner.as_ref().map_or(0, Port::number);
        let own =
            ["-ip.bind=127.0.0.1".to_owned(), format!("-port={}", site.port), format!("-port.grpc={inner}")];
        let needed = self.needed.iter().map(|place| format!("{}={place}", self.role.needs()));
        let words = self.role.words().iter().map(|word| (*word).to_owned()).chain(own).chain(needed);
        Ok([program, "-logtostderr=true".into()].into_iter().chain(words.map(OsString::from)).collect())
    }

    fn prepare(&self, site: &Site) -> Result<(), Absent> {
        let written = match self.role {
            Role::Gateway => site.write(IDENTITIES, &identities()).map(drop),
            _ => Ok(()),
        };
        written.map_err(|error| site.broken(self.kind(), &error.to_string()))
    }

    fn ask(&self, site: &Site) -> io::Result<()> {
        call(site.port, self.role.health(), OK)
    }

    fn url(&self, site: &Site) -> String {
        format!("http://127.0.0.1:{}", site.port)
    }
}

fn find() -> Result<PathBuf, Absent> {
    let reason = "SeaweedFS is not installed (`cargo xtask test environment` does it)";
    program::unpacked("python/bin/weed").ok_or_else(|| Absent::missing("s3", reason))
}

/// Who may do what.
fn identities() -> String {
    let credentials = format!(r#"[{{"accessKey": "{ACCESS_KEY}", "secretKey": "{SECRET_KEY}"}}]"#);
    let tests = format!(r#"{{"name": "tests", "credentials": {credentials}, "actions": ["Admin"]}}"#);
    let open = format!(r#"["Read:{BUCKET}/{OPEN}/*", "Write:{BUCKET}/{OPEN}/*"]"#);
    format!(r#"{{"identities": [{tests}, {{"name": "anonymous", "actions": {open}}}]}}"#)
}

/// Asks over HTTP, and looks how the answer begins.
fn call(port: u16, what: &str, wanted: &[u8]) -> io::Result<()> {
    let question =
        format!("{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let answer = ping::exchange(&mut ping::connect(port)?, question.as_bytes(), wanted.len())?;
    if answer == wanted { Ok(()) } else { Err(ping::unexpected(&answer)) }
}
