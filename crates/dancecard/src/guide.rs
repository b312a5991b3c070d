//! The guide: each chapter is compiled and run with the documentation.
//!
//! Chapters whose examples need a feature are there with that feature.

macro_rules! chapters {
    ($($(#[$condition:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$condition])*
            #[doc = include_str!(concat!("guide/", $file))]
            pub mod $name {}
        )*
    };
}

chapters! {
    #[cfg(feature = "axum")]
    quick_start = "quick-start.md";
    lifetimes = "lifetimes.md";
    #[cfg(feature = "axum")]
    sign_in = "sign-in.md";
    concurrency = "concurrency.md";
    #[cfg(feature = "axum")]
    devices = "devices.md";
    #[cfg(feature = "axum")]
    several_kinds = "several-kinds.md";
    #[cfg(all(feature = "axum", feature = "tokio"))]
    streaming = "streaming.md";
    #[cfg(feature = "axum")]
    testing = "testing.md";
    #[cfg(all(feature = "axum", feature = "tokio"))]
    operating = "operating.md";
    hooks = "hooks.md";
    #[cfg(feature = "codec")]
    serializers = "serializers.md";
    writing_an_engine = "writing-an-engine.md";
    #[cfg(all(feature = "axum", feature = "config"))]
    an_engine_of_your_own = "an-engine-of-your-own.md";
    writing_an_adapter = "writing-an-adapter.md";
    defaults = "defaults.md";
    threats = "threats.md";
    #[cfg(feature = "axum")]
    migrating = "migrating.md";
}
