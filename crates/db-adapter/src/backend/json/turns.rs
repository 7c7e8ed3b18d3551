//! Turns at the lock of a table: of the threads of this process, and of processes. Whoever comes first is first, and nobody waits for
//! long: where the lock does not move on, its holder is stuck or stopped, and all who wait are told so at once.
//!
//! Advisory locks know no deadline. So where another process has the lock, a thread of its own waits for it, and whoever wants it
//! waits for that thread as long as it likes. The thread waits until it gets the lock; from then on everything goes as before.

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::disk::OpenFile;
use super::holder;
use crate::store::error::{Error, Result};

/// After how long a start that waits says so.
const NOTICE: Duration = Duration::from_secs(2);
/// How much longer than a write a start waits.
const START: u32 = 6;
/// Bytes at the beginning of the lock file by which it is seen that others go on.
const MARK: usize = 32;

/// How long a lock may stand still.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Then whoever waits is refused.
    pub(super) limit: Duration,
    /// Then the log says who has it.
    pub(super) notice: Option<Duration>,
}

impl Patience {
    /// Of a write.
    pub(super) fn of_write(limit: Duration) -> Self {
        Self { limit, notice: None }
    }

    /// Of a start, where a write waits that long.
    pub(super) fn of_start(limit: Duration) -> Self {
        Self { limit: limit * START, notice: Some(NOTICE.min(limit)) }
    }

    /// Says once that a start waits.
    pub(super) fn log_wait(&mut self, waited: Duration, file: &OpenFile, queue: Option<&OpenFile>) {
        if self.notice.take_if(|notice| waited >= *notice).is_some() {
            let holder = holder_of(file, queue);
            tracing::warn!(file = %file.path().display(), holder, "the start waits for a lock that another process holds");
        }
    }
}

/// Why nobody gets the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Another process has it and does nothing.
    Process,
    /// This process has it and waits for the disk.
    Disk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// A thread of this process.
    Thread,
    /// Another process: a thread of ours waits for it.
    Process,
    /// The thread that waited got it, for whoever is first here.
    First,
}

#[derive(Debug)]
struct Line {
    holder: Holder,
    /// Since when it has been so, and nothing has been seen to go on.
    since: Instant,
    /// The beginning of the lock file by then.
    mark: [u8; MARK],
    /// What those who wait too long are refused with; made once.
    refusal: Option<String>,
    waiting: VecDeque<u64>,
    next: u64,
    /// To the thread that waits for other processes: is it next in their queue already?
    waiter: Option<Sender<bool>>,
}

/// The line at a lock.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) file: OpenFile,
    /// Where processes queue for the lock: whoever waits for `file` holds this one. Without it a process that gives the lock back
    /// and takes it again at once would get it before one that is still being woken, for seconds under load. `None` where this
    /// process alone uses the directory: its own threads still take turns, but no other process needs to be kept out.
    queue: Option<OpenFile>,
    line: Mutex<Line>,
    changed: Condvar,
}

impl Turns {
    pub(super) fn new(file: OpenFile, queue: Option<OpenFile>) -> Arc<Self> {
        let line = Line {
            holder: Holder::Nobody,
            since: Instant::now(),
            mark: [0; MARK],
            refusal: None,
            waiting: VecDeque::new(),
            next: 0,
            waiter: None,
        };
        Arc::new(Self { file, queue, line: Mutex::new(line), changed: Condvar::new() })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock when it is this thread's turn.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it stands still for too long; at once where it has done so already.
    pub(super) fn take(self: &Arc<Self>, patience: Patience) -> Result<()> {
        let mut line = self.line();
        if line.waiting.is_empty() && line.holder == Holder::Nobody && self.ask(&mut line)? {
            line.pass_to(Holder::Thread);
            return Ok(());
        }
        self.wait(line, patience)
    }

    fn wait(self: &Arc<Self>, mut line: MutexGuard<'_, Line>, mut patience: Patience) -> Result<()> {
        let number = line.next;
        line.next += 1;
        line.waiting.push_back(number);
        let taken = loop {
            if line.waiting.front() == Some(&number) {
                match line.holder {
                    Holder::Nobody => match self.ask(&mut line) {
                        Ok(true) => break Ok(()),
                        Ok(false) => {}
                        Err(error) => break Err(error),
                    },
                    Holder::First => break Ok(()),
                    Holder::Thread | Holder::Process => {}
                }
            }
            let waited = self.standstill(&mut line);
            if waited >= patience.limit {
                break Err(Error::unavailable(self.explain(&mut line, waited)));
            }
            patience.log_wait(waited, &self.file, self.queue.as_ref());
            let pause = patience.notice.unwrap_or(patience.limit).min(patience.limit) - waited;
            line = self.changed.wait_timeout(line, pause).unwrap_or_else(PoisonError::into_inner).0;
        };
        line.waiting.retain(|waiting| *waiting != number);
        match taken {
            Ok(()) => line.pass_to(Holder::Thread),
            // Somebody else is first now.
            Err(_) => self.changed.notify_all(),
        }
        taken
    }

    /// Takes the lock if nobody has it, and else lets a thread wait for it. Nobody here may have it.
    fn ask(self: &Arc<Self>, line: &mut Line) -> Result<bool> {
        let Some(queue) = &self.queue else { return Ok(true) };
        let is_next = queue.try_lock()?;
        if is_next && self.file.try_lock().inspect_err(|_| drop(queue.unlock()))? {
            return queue.unlock().map(|()| true);
        }
        // Whoever is next in the queue stays so.
        if let Err(error) = self.waiter(line).and_then(|waiter| waiter.send(is_next).map_err(Error::backend)) {
            if is_next {
                queue.unlock()?;
            }
            return Err(error);
        }
        line.pass_to(Holder::Process);
        line.mark = self.mark();
        Ok(false)
    }

    /// The way to the thread that waits; started when it is needed first, it ends with the line.
    fn waiter<'a>(self: &Arc<Self>, line: &'a mut Line) -> Result<&'a Sender<bool>> {
        if line.waiter.is_none() {
            let (waiter, asked) = channel();
            let turns = Arc::downgrade(self);
            let waits = move || {
                while let Ok(is_next) = asked.recv()
                    && let Some(turns) = turns.upgrade()
                {
                    turns.wait_for_process(is_next);
                }
            };
            let started = thread::Builder::new().name("json-lock".to_owned()).spawn(waits);
            started.map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))?;
            line.waiter = Some(waiter);
        }
        line.waiter.as_ref().ok_or_else(|| Error::unavailable("no thread waits for the lock"))
    }

    fn wait_for_process(&self, is_next: bool) {
        let taken = self.queue.as_ref().map_or(Ok(()), |queue| {
            if !is_next {
                queue.lock()?;
            }
            let taken = self.file.lock();
            queue.unlock().and(taken)
        });
        let mut line = self.line();
        if line.refusal.is_some() {
            tracing::info!(file = %self.file.path().display(), "the lock can be taken again");
        }
        line.pass_to(if taken.is_ok() { Holder::First } else { Holder::Nobody });
        match taken {
            Ok(()) if line.waiting.is_empty() => self.unlock(&mut line),
            Ok(()) => {}
            // Whoever is first meets the same fault.
            Err(error) => tracing::error!(%error, "a lock could not be waited for"),
        }
        self.changed.notify_all();
    }

    /// Gives the lock back.
    pub(super) fn give_back(&self) {
        let mut line = self.line();
        self.unlock(&mut line);
        if !line.waiting.is_empty() {
            self.changed.notify_all();
        }
    }

    fn unlock(&self, line: &mut Line) {
        if self.queue.is_some()
            && let Err(error) = self.file.unlock()
        {
            tracing::error!(%error, "a lock could not be given back");
        }
        line.holder = Holder::Nobody;
    }

    /// Has the lock stood still for longer than that? Looks by itself: also where nobody here wants it.
    pub(super) fn stuck(self: &Arc<Self>, limit: Duration) -> Option<Stuck> {
        let mut line = self.line();
        if line.holder == Holder::Nobody && line.waiting.is_empty() && self.ask(&mut line).unwrap_or(false) {
            self.unlock(&mut line);
        }
        let stands_still = self.standstill(&mut line) >= limit;
        match line.holder {
            Holder::Process if stands_still => Some(Stuck::Process),
            Holder::Thread if stands_still => Some(Stuck::Disk),
            _ => None,
        }
    }

    /// For how long nothing has gone on.
    fn standstill(&self, line: &mut Line) -> Duration {
        if line.holder == Holder::Process {
            let mark = self.mark();
            if mark != line.mark {
                (line.since, line.mark, line.refusal) = (Instant::now(), mark, None);
            }
        }
        line.since.elapsed()
    }

    fn mark(&self) -> [u8; MARK] {
        let mut mark = [0; MARK];
        // What cannot be read is not seen to go on.
        let _ = self.file.read_full(&mut mark, 0);
        mark
    }

    fn explain(&self, line: &mut Line, waited: Duration) -> String {
        if let Some(refusal) = &line.refusal {
            return refusal.clone();
        }
        let (file, seconds) = (self.file.path().display(), waited.as_secs_f32());
        let refusal = match line.holder {
            Holder::Process => {
                let holder = holder_of(&self.file, self.queue.as_ref());
                format!("{file} has been locked for {seconds:.1} s by {holder}; let that process go on, or end it")
            }
            _ => format!("{file} has been locked for {seconds:.1} s by this process, which waits for the disk"),
        };
        tracing::warn!("{refusal}");
        line.refusal = Some(refusal.clone());
        refusal
    }
}

impl Line {
    fn pass_to(&mut self, holder: Holder) {
        (self.holder, self.since, self.refusal) = (holder, Instant::now(), None);
    }
}

/// Who holds the lock, or keeps everyone else from waiting for it.
pub(super) fn holder_of(file: &OpenFile, queue: Option<&OpenFile>) -> String {
    let holder = holder::of(file).or_else(|| holder::of(queue?));
    holder.unwrap_or_else(|| "a process that cannot be seen from here, perhaps of another container".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::disk::{Dir, RealDisk};
    use super::*;

    const SHORT: Patience = Patience { limit: Duration::from_millis(50), notice: None };
    const LONG: Patience = Patience { limit: Duration::from_secs(30), notice: None };

    /// The lock as each of two processes has it.
    fn turns(dir: &tempfile::TempDir) -> Arc<Turns> {
        let dir = Dir { disk: Arc::new(RealDisk), path: dir.path().to_owned() };
        let open = |name| dir.open(name, true).unwrap();
        Turns::new(open("t.lock").unwrap(), open("t.queue.lock"))
    }

    fn until(what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(30), "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn whoever_waits_too_long_is_refused_and_whoever_comes_later_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (turns(&dir), turns(&dir));
        theirs.take(SHORT).unwrap();
        let refused = ours.take(SHORT).unwrap_err().to_string();
        assert!(refused.contains("t.lock"), "{refused}");
        #[cfg(target_os = "linux")]
        assert!(refused.contains(&format!("process {} (", std::process::id())), "{refused}");
        assert_eq!(ours.stuck(SHORT.limit), Some(Stuck::Process));
        // The time is what is tested: a second wait of that length would not be over.
        let long = Patience { limit: SHORT.limit, ..LONG };
        let start = Instant::now();
        (0..100).for_each(|_| drop(ours.take(long).unwrap_err()));
        assert!(start.elapsed() < SHORT.limit * 50, "{:?}", start.elapsed());
        theirs.give_back();
        until("it recovers", || ours.stuck(SHORT.limit).is_none());
        ours.take(LONG).unwrap();
        ours.give_back();
        theirs.take(LONG).unwrap();
    }

    #[test]
    fn one_that_nobody_wants_is_seen_to_stand_still() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (turns(&dir), turns(&dir));
        assert_eq!(ours.stuck(Duration::ZERO), None);
        theirs.take(SHORT).unwrap();
        until("it stands still", || ours.stuck(SHORT.limit) == Some(Stuck::Process));
        theirs.give_back();
        until("it recovers", || ours.stuck(SHORT.limit).is_none());
        theirs.take(LONG).unwrap();
    }

    /// A slow disk is no standstill: others write the lock file with each commit.
    #[test]
    fn a_lock_that_moves_on_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (turns(&dir), turns(&dir));
        theirs.take(SHORT).unwrap();
        let (tell, told) = channel();
        let waiting = Arc::clone(&ours);
        thread::spawn(move || tell.send(waiting.take(SHORT)).unwrap());
        until("it waits", || ours.line().holder == Holder::Process);
        let start = Instant::now();
        for number in 0_u64.. {
            theirs.file.write_at(&number.to_le_bytes(), 0).unwrap();
            if start.elapsed() > SHORT.limit * 4 {
                break;
            }
            thread::yield_now();
        }
        assert!(told.try_recv().is_err(), "it did not wait");
        theirs.give_back();
        told.recv().unwrap().unwrap();
    }

    #[test]
    fn a_thread_that_keeps_it_waits_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let ours = turns(&dir);
        ours.take(SHORT).unwrap();
        let refused = ours.take(SHORT).unwrap_err().to_string();
        assert!(refused.contains("this process"), "{refused}");
        assert_eq!(ours.stuck(SHORT.limit), Some(Stuck::Disk));
        ours.give_back();
        assert_eq!(ours.stuck(SHORT.limit), None);
        ours.take(SHORT).unwrap();
    }

    #[test]
    fn threads_have_their_turns_in_order_also_after_one_gave_up() {
        let dir = tempfile::tempdir().unwrap();
        let ours = turns(&dir);
        ours.take(SHORT).unwrap();
        let (tell, order) = channel();
        for (number, patience) in [LONG, SHORT, LONG].into_iter().enumerate() {
            let (turns, tell) = (Arc::clone(&ours), tell.clone());
            thread::spawn(move || {
                let taken = turns.take(patience).is_ok();
                tell.send((number, taken)).unwrap();
                if taken {
                    turns.give_back();
                }
            });
            until("it waits", || ours.line().waiting.len() == number + 1);
        }
        assert_eq!(order.recv().unwrap(), (1, false));
        ours.give_back();
        assert_eq!((order.recv().unwrap(), order.recv().unwrap()), ((0, true), (2, true)));
    }
}
