//! What changed since a watermark, by whatever mechanism the directory has.
//!
//! | mechanism | where | sees deletions |
//! | --- | --- | --- |
//! | [`dirsync`] | Active Directory | with the right to replicate, or to read deleted objects |
//! | [`usn`] | Active Directory that refuses DirSync | where deleted objects are readable |
//! | [`syncrepl`] | OpenLDAP (RFC 4533) | yes |
//! | [`modified`] | any other | no: a full comparison finds them |
//!
//! Each only says who changed: those entries are then read as a full reading reads them. An entry
//! that is not found so is said to be missing, and [`crate::source::absence`] proves what became of it.
//!
//! A container that is renamed takes all beneath it along, and no directory reports these. So a
//! container that changed (and is not new) refuses the watermark, and everything is read.

pub mod dirsync;
pub mod modified;
pub mod syncrepl;
pub mod usn;

use crate::source::{DirectoryError, Mark, Sink, flavour::ChangeTracking, reader::LdapReader};

/// Containers: what may be renamed with people beneath it.
pub(in crate::source) const CONTAINERS: &str = "(objectClass=organizationalUnit)(objectClass=container)(objectClass=organization)(objectClass=domain)(objectClass=locality)";

impl LdapReader {
    /// Where the directory is now, by the best mechanism that the server grants. `None` where
    /// nothing but a timestamp helps, which the reading itself then finds.
    pub(in crate::source) async fn mark(&mut self) -> Result<Option<Mark>, DirectoryError> {
        match self.flavour.change_tracking() {
            ChangeTracking::DirSync => match dirsync::mark(self).await? {
                Some(mark) => Ok(Some(mark)),
                None => usn::mark(self).await,
            },
            ChangeTracking::ContentSync => syncrepl::mark(self).await,
            ChangeTracking::ModifyTimestamp => Ok(None),
        }
    }

    /// The newest `modifyTimestamp` of what was read. Where references were followed it would be
    /// that of another server's clock.
    pub(in crate::source) fn modified_mark(&self) -> Option<Mark> {
        let usable = self.flavour.change_tracking() != ChangeTracking::DirSync && !self.followed;
        self.newest.clone().filter(|_| usable).map(Mark::Modified)
    }

    /// Gives what changed since a mark to the sink, and says where the next reading continues.
    pub(in crate::source) async fn changes(
        &mut self,
        since: &Mark,
        sink: &mut Sink<'_>,
    ) -> Result<Mark, DirectoryError> {
        match since {
            Mark::DirSync { cookie, object_security } => dirsync::changes(self, cookie, *object_security, sink).await,
            Mark::Usn { highest, invocation } => usn::changes(self, *highest, invocation, sink).await,
            Mark::SyncCookie(cookie) => syncrepl::changes(self, cookie, sink).await,
            Mark::Modified(newest) => modified::changes(self, newest, sink).await,
            Mark::Each(_) => Err(DirectoryError::WatermarkRefused("it is of several sources".to_owned())),
        }
    }
}

/// The answer to a container that changed.
fn container(dn: &str) -> DirectoryError {
    DirectoryError::WatermarkRefused(format!("the container {dn:?} was renamed, moved or changed, with all beneath it"))
}
