//! Requests that have something special in them, and are refused: is it that, or does the server take none of the kind?
//! In the second case nothing is known of what a case is about, and another case says it.

use super::{Context, as_error};
use crate::{
    exchange::Answer,
    verdict::{Outcome, Stop},
};

impl Context {
    /// Demands that a POST of a user is taken, on a server that takes one without what is special in it.
    pub async fn post_taken(&self, answer: &Answer) -> Outcome {
        if answer.success().is_err() {
            self.user().create().await?;
            answer.success()?;
        }
        Ok(())
    }

    /// Demands that a PUT of a user is taken, on a server that takes one that changes nothing.
    pub async fn put_taken(&self, answer: &Answer) -> Outcome {
        if answer.success().is_err() {
            let draft = self.user();
            let user = draft.create().await?;
            let plain = self.put(&user.path, draft.body()).await?;
            plain.success().map_err(|stop| about(stop, "method-put"))?;
            answer.success()?;
        }
        Ok(())
    }

    /// Demands 200 to a GET of what was made, on a server that lets a user be read.
    pub async fn get_taken(&self, answer: &Answer) -> Outcome {
        if answer.status(200).is_err() {
            self.read(&self.user().create().await?).await?;
            answer.status(200)?;
        }
        Ok(())
    }

    /// Demands that a POST of a user is taken, or refused by the client's fault: that it does not break a server that
    /// makes users.
    pub async fn post_refused_or_taken(&self, answer: &Answer) -> Outcome {
        if answer.success().is_err() && answer.refused().is_err() {
            self.user().create().await?;
            answer.refused()?;
        }
        Ok(())
    }
}

/// What a case needs and another case is about.
pub fn about(stop: Stop, case: &str) -> Stop {
    match as_error(stop) {
        Stop::Error(why) => Stop::Error(format!("{why} That is what {case} is about.")),
        other => other,
    }
}
