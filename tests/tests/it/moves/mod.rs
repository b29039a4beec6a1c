//! Territory moves while phones are out: nothing is lost, everything lands where it belongs, the sums balance.

mod acceptance;
mod kills;
mod moments;
mod offline;
mod stewards;
