//! The field command line as a person uses it: its words, its JSON, its exit status. No server is needed: an invite is
//! enough to work with no signal.

mod locked;
mod phone;
mod room;
mod work;
mod wrong;
