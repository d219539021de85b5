//! A disk as tests want it.

use std::sync::{Condvar, Mutex};

use super::unavailable;
use crate::store::StoreError;

/// What happens to whoever waits for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Habit {
    #[default]
    Works,
    /// Waits until it is another.
    Stalls,
    Fails,
    Panics,
}

/// See the module's documentation.
#[derive(Default)]
pub struct Disk {
    habit: Mutex<Habit>,
    changed: Condvar,
}

impl Disk {
    pub fn set(&self, habit: Habit) {
        *self.habit.lock().unwrap() = habit;
        self.changed.notify_all();
    }

    pub fn sync(&self) -> Result<(), StoreError> {
        let habit = *self.changed.wait_while(self.habit.lock().unwrap(), |habit| *habit == Habit::Stalls).unwrap();
        match habit {
            Habit::Works | Habit::Stalls => Ok(()),
            Habit::Fails => Err(unavailable("a disk that fails")),
            Habit::Panics => panic!("a fault in the program"),
        }
    }
}
