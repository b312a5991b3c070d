//! The methods that a wrapper does not change, written by one line.

/// Writes those methods of [`Store`](crate::Store) that a wrapper passes on to the store in one of its fields.
///
/// `forward!(field: methods)` calls the same method of the field. `forward!(field by around: methods)` hands the call
/// to a method of the wrapper, with the [`Operation`](crate::Operation) that it is:
/// `async fn around<T>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T>`.
///
/// What has to see each call must not forward `immediate`.
///
/// ```
/// use dancecard_core::{
///     BoxStream, Entry, Error, ErrorKind, ListQuery, MemoryStore, Operation, Result, Store, forward,
/// };
///
/// /// An engine that can be looked at, and not changed.
/// #[derive(Debug)]
/// struct ReadOnly<S>(S);
///
/// impl<S: Store> ReadOnly<S> {
///     async fn judge<T>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
///         let refused = || Error::new(ErrorKind::Refused, operation.name()).with_engine(self.engine());
///         if operation.changes() { Err(refused()) } else { call.await }
///     }
/// }
///
/// impl<S: Store> Store for ReadOnly<S> {
///     forward!(0: engine, capabilities, is_usable, unsupported, list);
///     forward!(0 by judge: load, write, delete, replace, touch, purge_expired, health);
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use dancecard_core::RecordKey;
/// let store = ReadOnly(MemoryStore::new());
/// assert!(store.load(&RecordKey::new(b"key")).await.is_ok());
/// assert_eq!(store.delete(&RecordKey::new(b"key")).await.unwrap_err().kind(), ErrorKind::Refused);
/// # }
/// ```
#[macro_export]
macro_rules! forward {
    ($($inner:tt).+: $($method:ident),+ $(,)?) => {
        $crate::forward!(@each [$($inner).+] [] $($method)+);
    };
    ($($inner:tt).+ by $around:ident: $($method:ident),+ $(,)?) => {
        $crate::forward!(@each [$($inner).+] [$around] $($method)+);
    };
    (@each $inner:tt $around:tt $($method:ident)+) => {
        $($crate::forward!(@$method $inner $around);)+
    };
    (@engine [$($inner:tt)+] []) => {
        fn engine(&self) -> &'static str {
            self.$($inner)+.engine()
        }
    };
    (@capabilities [$($inner:tt)+] []) => {
        fn capabilities(&self) -> $crate::Capabilities {
            self.$($inner)+.capabilities()
        }
    };
    (@is_usable [$($inner:tt)+] []) => {
        fn is_usable(&self) -> bool {
            self.$($inner)+.is_usable()
        }
    };
    (@unsupported [$($inner:tt)+] []) => {
        fn unsupported(&self, operation: &'static str) -> $crate::Error {
            self.$($inner)+.unsupported(operation)
        }
    };
    (@immediate [$($inner:tt)+] []) => {
        fn immediate(&self) -> ::core::option::Option<&dyn $crate::Immediate> {
            self.$($inner)+.immediate()
        }
    };
    (@list [$($inner:tt)+] []) => {
        fn list(&self, query: $crate::ListQuery) -> $crate::BoxStream<'_, $crate::Result<$crate::Entry>> {
            self.$($inner)+.list(query)
        }
    };
    (@load [$($inner:tt)+] [$($around:ident)?]) => {
        async fn load(
            &self,
            key: &$crate::RecordKey,
        ) -> $crate::Result<::core::option::Option<$crate::Versioned>> {
            $crate::forward!(@answer self $($around)?, Load, self.$($inner)+.load(key))
        }
    };
    (@write [$($inner:tt)+] [$($around:ident)?]) => {
        async fn write(
            &self,
            key: &$crate::RecordKey,
            record: $crate::Record,
            mode: $crate::WriteMode,
        ) -> $crate::Result<$crate::Version> {
            $crate::forward!(@answer self $($around)?, Write, self.$($inner)+.write(key, record, mode))
        }
    };
    (@delete [$($inner:tt)+] [$($around:ident)?]) => {
        async fn delete(&self, key: &$crate::RecordKey) -> $crate::Result<()> {
            $crate::forward!(@answer self $($around)?, Delete, self.$($inner)+.delete(key))
        }
    };
    (@replace [$($inner:tt)+] [$($around:ident)?]) => {
        async fn replace(
            &self,
            old: &$crate::RecordKey,
            expected: &$crate::Version,
            retired: $crate::Record,
            new: &$crate::RecordKey,
            record: $crate::Record,
        ) -> $crate::Result<$crate::Version> {
            let call = self.$($inner)+.replace(old, expected, retired, new, record);
            $crate::forward!(@answer self $($around)?, Replace, call)
        }
    };
    (@touch [$($inner:tt)+] [$($around:ident)?]) => {
        async fn touch(
            &self,
            key: &$crate::RecordKey,
            expires_at: $crate::Timestamp,
        ) -> $crate::Result<bool> {
            $crate::forward!(@answer self $($around)?, Touch, self.$($inner)+.touch(key, expires_at))
        }
    };
    (@purge_expired [$($inner:tt)+] [$($around:ident)?]) => {
        async fn purge_expired(&self, now: $crate::Timestamp, limit: usize) -> $crate::Result<usize> {
            $crate::forward!(@answer self $($around)?, Purge, self.$($inner)+.purge_expired(now, limit))
        }
    };
    (@health [$($inner:tt)+] [$($around:ident)?]) => {
        async fn health(&self) -> $crate::Result<()> {
            $crate::forward!(@answer self $($around)?, Health, self.$($inner)+.health())
        }
    };
    (@answer $this:ident, $operation:ident, $call:expr) => {
        $call.await
    };
    (@answer $this:ident $around:ident, $operation:ident, $call:expr) => {
        $this.$around($crate::Operation::$operation, $call).await
    };
}
