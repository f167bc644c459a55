//! The way of write sets to the one committer of a backend, in groups.

use tokio::sync::{mpsc, oneshot};

use crate::{Receipt, StoreError, WriteSet, group};

/// Most sets in one group.
const GROUP_SETS: usize = 1_000;
/// Most bytes in one group, roughly; a single larger set is a group of its own.
const GROUP_BYTES: usize = 4 << 20;

type Outcome = Result<Receipt, StoreError>;

#[derive(Debug)]
struct Waiting {
    set: WriteSet,
    answer: oneshot::Sender<Outcome>,
}

/// The end where write sets go in.
#[derive(Debug, Clone)]
pub struct Queue(mpsc::Sender<Waiting>);

/// The end where groups come out. It ends when every [`Queue`] is gone and everything has come out.
#[derive(Debug)]
pub struct Groups(mpsc::Receiver<Waiting>);

/// Write sets to be decided together, whose senders wait for an outcome.
#[derive(Debug)]
pub struct Group {
    /// The sets, in the order in which they take effect.
    pub sets: Vec<WriteSet>,
    answers: Answers,
}

/// Those who wait for the outcomes of the sets of a group.
#[derive(Debug)]
pub struct Answers(Vec<oneshot::Sender<Outcome>>);

/// A queue in which at most `bound` sets wait; further senders wait for room.
pub fn queue(bound: usize) -> (Queue, Groups) {
    let (sender, receiver) = mpsc::channel(bound.max(1));
    (Queue(sender), Groups(receiver))
}

impl Queue {
    /// Sends a set to the committer and waits for its outcome.
    pub async fn commit(self, set: WriteSet) -> Outcome {
        group::admit(&set)?;
        let (answer, outcome) = oneshot::channel();
        let waits = self.0.send(Waiting { set, answer }).await;
        waits.map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))?;
        // While it waits it must not keep the queue open.
        drop(self);
        outcome.await.map_err(|_| {
            StoreError::Unavailable(
                "writing ended before an answer; the outcome of this write is unknown".to_owned(),
            )
        })?
    }
}

impl Groups {
    /// The next group, for a committer on a thread of its own.
    pub fn blocking_next(&mut self) -> Option<Group> {
        let first = self.0.blocking_recv()?;
        Some(self.fill(first))
    }

    /// The next group, for a committer that is a task.
    pub async fn next(&mut self) -> Option<Group> {
        let first = self.0.recv().await?;
        Some(self.fill(first))
    }

    fn fill(&mut self, first: Waiting) -> Group {
        let mut bytes = group::weight(&first.set);
        let mut group = Group { sets: vec![first.set], answers: Answers(vec![first.answer]) };
        while group.sets.len() < GROUP_SETS && bytes < GROUP_BYTES {
            let Ok(next) = self.0.try_recv() else { break };
            bytes += group::weight(&next.set);
            group.sets.push(next.set);
            group.answers.0.push(next.answer);
        }
        group
    }
}

impl Group {
    /// The sets, and those who wait for them.
    pub fn open(self) -> (Vec<WriteSet>, Answers) {
        (self.sets, self.answers)
    }

    /// Answers every set with its own outcome, in order.
    pub fn answer(self, outcomes: Vec<Outcome>) {
        self.answers.give(outcomes);
    }

    /// Answers every set with the same error.
    pub fn fail(self, error: &StoreError) {
        self.answers.fail(error);
    }

    /// Each set as a group of its own: when a group cannot be loaded, only those sets fail that need what is damaged.
    pub fn singly(self) -> impl Iterator<Item = Self> {
        let pairs = self.sets.into_iter().zip(self.answers.0);
        pairs.map(|(set, answer)| Self { sets: vec![set], answers: Answers(vec![answer]) })
    }
}

impl Answers {
    /// To every set its own outcome, in order.
    pub fn give(self, outcomes: Vec<Outcome>) {
        for (answer, outcome) in self.0.into_iter().zip(outcomes) {
            // Whoever stopped waiting does not want to know.
            drop(answer.send(outcome));
        }
    }

    /// To every set the same error.
    pub fn fail(self, error: &StoreError) {
        for answer in self.0 {
            drop(answer.send(Err(error.clone())));
        }
    }
}
