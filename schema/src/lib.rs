//! What phone and server must agree on.
