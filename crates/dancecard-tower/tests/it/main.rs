//! The layer and its extractors, in process and over sockets.
