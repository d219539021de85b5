//! Reading real directories: whatever changes, what was kept and continued must say the same as a
//! full reading, and nobody is gone without proof. [`follower`] is what the tests share.

mod causes;
mod follower;
mod following;
mod proof;
mod reaching;
