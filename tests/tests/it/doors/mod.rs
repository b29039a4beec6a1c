//! The server's edge: how often, how slowly, over what line, and what of it is written down.

mod beside;
mod edge;
mod logs;
mod often;
mod portal;
mod slow;
mod tls;

use gridledger_tests::desk::PASSWORD;
use gridledger_tests::handset::Handset;
