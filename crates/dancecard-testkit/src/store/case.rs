//! What a case is, and the table of all of them.

use std::fmt;
use std::sync::Arc;

use dancecard_core::Capabilities;

use super::env::{Env, Settings};
use super::subject::{BoxFuture, Factory, Profile};
use crate::failure::{Failure, Outcome};

type Body = for<'a> fn(&'a Env) -> BoxFuture<'a, Outcome>;

/// One promise of the contract, as a test.
#[derive(Clone, Copy)]
pub struct Case {
    path: &'static str,
    name: &'static str,
    sentence: &'static str,
    needs: &'static [Need],
    threads: Threads,
    body: Body,
}

/// What a case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// One thread.
    One,
    /// As many as [`Settings::threads`].
    Several,
}

impl Case {
    #[doc(hidden)]
    pub(super) const fn new(
        path: &'static str,
        name: &'static str,
        sentence: &'static str,
        needs: &'static [Need],
        threads: Threads,
        body: Body,
    ) -> Self {
        Self { path, name, sentence, needs, threads, body }
    }

    /// The part of the contract it belongs to, such as `conditional`.
    pub fn area(&self) -> &'static str {
        self.path.rsplit("::").next().unwrap_or(self.path)
    }

    /// Its name within the area.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `area::name`.
    pub fn full_name(&self) -> String {
        format!("{}::{}", self.area(), self.name)
    }

    /// The sentence of the contract that it checks, word for word.
    pub fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// What an engine must claim for the case to apply.
    pub fn needs(&self) -> &'static [Need] {
        self.needs
    }

    /// What it runs on.
    pub fn threads(&self) -> Threads {
        self.threads
    }

    /// Why the case does not apply to such an engine, as in `no principal_index`; `None` when it does.
    pub fn inapplicable(&self, profile: &Profile) -> Option<&'static str> {
        self.needs.iter().find_map(|need| need.unmet(profile))
    }

    /// Runs the case in surroundings that were opened for it.
    ///
    /// # Errors
    /// What the engine did otherwise than the contract says.
    pub async fn apply(&self, env: &Env) -> Outcome {
        env.in_time((self.body)(env)).await
    }

    /// Opens an engine and runs the case on a runtime of its own. Call it outside of any runtime.
    ///
    /// # Errors
    /// What kept the engine from opening, or what it did otherwise than the contract says.
    pub fn check(&self, factory: Arc<dyn Factory>, settings: &Settings) -> Outcome {
        runtime(self.threads, settings)?.block_on(async {
            let env = Env::open(factory, settings, &self.full_name()).await?;
            self.apply(&env).await
        })
    }
}

pub(super) fn runtime(threads: Threads, settings: &Settings) -> Outcome<tokio::runtime::Runtime> {
    let built = match (threads, settings.threads) {
        (Threads::One, _) | (_, 0) => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        (Threads::Several, threads) => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
        }
    };
    built.map_err(|error| Failure::new("a runtime", error.to_string()))
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.full_name())
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// What an engine must claim, or a subject offer, for a case to apply.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// [`Capabilities::conditional_write`].
    ConditionalWrite,
    /// [`Capabilities::replace`].
    Replace,
    /// [`Capabilities::replace`], by the engine itself.
    NativeReplace,
    /// [`Capabilities::touch`].
    Touch,
    /// [`Capabilities::list`].
    List,
    /// [`Capabilities::principal_index`].
    PrincipalIndex,
    /// [`Capabilities::max_payload`] is set.
    MaxPayload,
    /// [`Capabilities::max_payload`] is not set.
    NoMaxPayload,
    /// [`Capabilities::native_expiry`], and the subject can be asked about it.
    NativeExpiry,
    /// Not [`Capabilities::native_expiry`]: expired records stay until they are purged.
    NoNativeExpiry,
    /// [`Capabilities::durable`], and the subject can be reopened.
    Reopen,
    /// [`Capabilities::shared`], and the subject can be opened twice.
    Peer,
    /// The subject has a small twin.
    Limited,
    /// [`Store::immediate`](dancecard_core::Store::immediate).
    Immediate,
    /// No [`Capabilities::conditional_write`].
    NoConditionalWrite,
    /// No [`Capabilities::replace`].
    NoReplace,
    /// No [`Capabilities::touch`].
    NoTouch,
    /// No [`Capabilities::list`].
    NoList,
    /// No [`Capabilities::principal_index`].
    NoPrincipalIndex,
}

impl Need {
    /// Why an engine does not meet it; `None` when it does.
    pub fn unmet(self, profile: &Profile) -> Option<&'static str> {
        let (met, reason) = self.against(profile, &profile.capabilities);
        (!met).then_some(reason)
    }

    fn against(self, profile: &Profile, claims: &Capabilities) -> (bool, &'static str) {
        match self {
            Self::ConditionalWrite => (claims.conditional_write.is_supported(), "no conditional_write"),
            Self::Replace => (claims.replace.is_supported(), "no replace"),
            Self::NativeReplace => (claims.replace == dancecard_core::Support::Native, "no native replace"),
            Self::Touch => (claims.touch.is_supported(), "no touch"),
            Self::List => (claims.list.is_supported(), "no list"),
            Self::PrincipalIndex => (claims.principal_index.is_supported(), "no principal_index"),
            Self::MaxPayload => (claims.max_payload.is_some(), "no max_payload"),
            Self::NoMaxPayload => (claims.max_payload.is_none(), "has max_payload"),
            Self::NativeExpiry if !claims.native_expiry => (false, "no native_expiry"),
            Self::NativeExpiry => (profile.has_expiring, "no expiring hook"),
            Self::NoNativeExpiry => (!claims.native_expiry, "has native_expiry"),
            Self::Reopen if !claims.durable => (false, "not durable"),
            Self::Reopen => (profile.reopens, "no reopen hook"),
            Self::Peer if !claims.shared => (false, "not shared"),
            Self::Peer => (profile.has_peer, "no peer hook"),
            Self::Limited => (profile.has_limited, "no limited hook"),
            Self::Immediate => (profile.immediate, "not immediate"),
            Self::NoConditionalWrite => (!claims.conditional_write.is_supported(), "has conditional_write"),
            Self::NoReplace => (!claims.replace.is_supported(), "has replace"),
            Self::NoTouch => (!claims.touch.is_supported(), "has touch"),
            Self::NoList => (!claims.list.is_supported(), "has list"),
            Self::NoPrincipalIndex => (!claims.principal_index.is_supported(), "has principal_index"),
        }
    }
}

/// Writes an area's table: `name(threads, needs...) = sentence;`.
macro_rules! area {
    ($($name:ident($threads:ident $(, $need:ident)*) = $sentence:ident;)*) => {
        /// The cases of this area.
        pub(super) const CASES: &[$crate::store::Case] = &[$(
            $crate::store::Case::new(
                module_path!(),
                stringify!($name),
                $crate::store::contract::$sentence,
                &[$($crate::store::Need::$need),*],
                $crate::store::Threads::$threads,
                |env| Box::pin($name(env)),
            ),
        )*];
    };
}

pub(super) use area;

/// All cases, area by area.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let areas = [
        super::identity::CASES,
        super::conditional::CASES,
        super::expiry::CASES,
        super::native_expiry::CASES,
        super::listing::CASES,
        super::principals::CASES,
        super::replace::CASES,
        super::limits::CASES,
        super::cancellation::CASES,
        super::concurrency::CASES,
        super::interference::CASES,
        super::capabilities::CASES,
        super::errors::CASES,
        super::immediate::CASES,
        super::model::CASES,
    ];
    areas.into_iter().flatten()
}
