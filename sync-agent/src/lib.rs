//! Pulls a part of an LDAP directory or of Active Directory into a SCIM server.
//!
//! One run is one line, and [`cycle`] is where it stands as code:
//!
//! ```text
//! observe ──▶ scope ──▶ map ──▶ look ──▶ plan ──▶ apply ──▶ save
//! source      scope     mapping  target   plan     apply     state
//! Population  Selection Snapshot Target-  Plan     Outcome   Synced
//!                                Resources
//! ```
//!
//! - [`source`] reads a directory. It yields a [`population::Population`] only when every search
//!   ended with proof that it was whole: a cut answer is an error and never a smaller directory.
//! - [`scope`] says who of the population is meant, through which chain, and who is in which group.
//! - [`mapping`] turns each of them into the resource that the target should hold, as a [`document`].
//! - [`target`] is the SCIM server: what it can do, what it holds, and how it is written.
//! - [`plan`] compares. It is pure: it holds no connection, so a plan cannot write.
//! - [`apply`] turns a plan into requests, in an order in which nobody is without a group in between.
//! - [`explain`] says of one object why all of this came out as it did.
//! - [`state`] remembers what was written. It is a cache: losing it costs one full run.
//! - [`daemon`] runs cycles on a schedule and answers who asks; [`status`] is how it stands.
//!
//! Invariants: nothing but [`source`] speaks LDAP; nothing but [`target`] speaks HTTP; nothing but
//! [`apply`] writes to the target; identity is a [`identity::SourceId`] and never a name or a DN; what
//! is not seen is not gone unless a [`source::Proof`] says so.
//!
//! The modules are private: what the program, the tests and the fuzz targets use is named here, so that the compiler sees what
//! nobody uses.

#![allow(missing_docs, reason = "nobody but the program and its tests uses this library")]

mod apply;
mod cli;
mod clock;
mod config;
mod cycle;
mod daemon;
mod dn;
mod document;
mod explain;
mod identity;
mod mapping;
mod mode;
mod number;
mod observation;
mod plan;
mod population;
mod problem;
#[cfg(test)]
mod reference;
mod scope;
mod secret;
mod sid;
mod source;
mod spaces;
mod state;
mod status;
mod target;
mod tls;
mod tracer;

pub use cli::main;
pub use config::Config;
pub use dn::Dn;
pub use document::{Digest, Document};
pub use explain::{Facts, explain as explain_object, find};
pub use identity::{Kind, SourceId};
pub use mapping::{Snapshot, map, names as mapped_names};
pub use mode::Mode;
pub use observation::{Kept, Observation, ObservationInputs, observe};
pub use plan::{
    Action, Plan, PlanInputs, ResourceId, Step, Synced, SyncedObjects, TargetResource, TargetResources,
    deprovisioning::{Deprovisionings, deprovisionings, of_pause},
    drift::between as drift,
    held_back::{HeldBack, LossCount},
    limits::Lost,
    make as make_plan,
};
pub use population::{Finished, Population, PopulationBuilder};
pub use problem::Code;
pub use scope::select;
pub use source::{
    Change, Directory, DirectoryError, Key, Mark, Watermark,
    absence::Verdict,
    ber,
    flavour::Flavour,
    ldif::Ldif,
    open as open_source,
    reader::{
        LdapReader,
        changes::{
            syncrepl::{SyncInfo, SyncState},
            usn::mark as usn_mark,
        },
    },
    rights::examine as examine_rights,
    settings::Bind,
    watch::Watch,
};
pub use state::State;
