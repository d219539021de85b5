//! No existing object is deleted because the account may no longer read a part of the directory.
//!
//! [`histories`] tries to break that with random access rules on a real OpenLDAP; [`openldap`], [`samba`]
//! and [`ds389`] have the cases that people reported, [`attributes`] those of single attributes. [`held`] is about changes of which a half was done.

mod attributes;
mod ds389;
mod held;
mod histories;
mod openldap;
mod samba;
