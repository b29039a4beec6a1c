//! Every rule, without I/O.
