//! These tests check the fold of a ticket from outside: fixtures, random histories, hostile input.

mod histories;
mod input;
mod phones;
mod reference;
mod support;
mod tables;
