//! The methods of the [`Store`](super::Store), one file a resource, in SQL that both engines understand.

mod audit;
pub mod bulk;
pub mod chain;
mod clock;
mod desk;
mod epochs;
mod events;
mod handled;
pub mod hot;
mod ledgers;
mod locks;
mod marks;
mod nodes;
mod people;
mod plans;
mod pushes;
mod quotas;
mod reads;
mod records;
mod refusals;
mod repair;
mod restores;
mod settings;
mod shares;
pub mod tools;
