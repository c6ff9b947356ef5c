//! Whether the threads that do the work of a CPU-type adapter had a processor each.
//!
//! lavapipe deals a dispatch out to its threads in fixed parts, so one of them that waits holds up the whole. Two of
//! them on one processor halve the rate of a kernel that is bound by arithmetic, from the first round to the last: the
//! trace is steady, and nothing else sees it. The scheduler keeps an account of how long each thread stood ready
//! without a processor, whatever the reason (another thread, another process, a quota of the container).

use super::record::{Reason, Workers};
use std::collections::BTreeMap;

/// A share of the time that a working thread may stand ready without a processor. Two on one stand so for 40 to 50 %;
/// where dispatches are short each waking waits a little, up to 14 % at 192³ on lavapipe, alone on the machine.
pub const MOST_WAIT: f64 = 0.25;

/// A thread works that runs or wants to for at least this share of the time. The others (a line of progress, a queue
/// that hands on, workers of a dispatch so short that they mostly sleep) hold up nobody while they wait.
const WORKS: f64 = 0.7;

/// The account of one thread so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Nanoseconds on a processor.
    pub ran_ns: u64,
    /// Nanoseconds ready for one and without it.
    pub waited_ns: u64,
}

/// Accounts by thread.
pub type Threads = BTreeMap<u64, Account>;

/// Accounts of all threads of this process. Linux tells them in `/proc/self/task`; `None` elsewhere, and where its
/// kernel was built without.
pub fn own_threads() -> Option<Threads> {
    let threads: Threads = std::fs::read_dir("/proc/self/task")
        .ok()?
        .flatten()
        // A thread that ended in the meantime has no file any more.
        .filter_map(|task| {
            let id = task.file_name().to_str()?.parse().ok()?;
            Some((id, parse(&std::fs::read_to_string(task.path().join("schedstat")).ok()?)?))
        })
        .collect();
    (!threads.is_empty()).then_some(threads)
}

/// Time on a processor, time of waiting for one, and the number of turns (Linux, `Documentation/scheduler`).
fn parse(schedstat: &str) -> Option<Account> {
    let mut fields = schedstat.split_whitespace().map_while(|field| field.parse().ok());
    Some(Account { ran_ns: fields.next()?, waited_ns: fields.next()? })
}

impl Workers {
    /// What the working threads did between two moments `wall_ns` apart.
    pub fn between(before: &Threads, after: &Threads, wall_ns: u64) -> Workers {
        let since = |(id, after): (&u64, &Account)| {
            let before = before.get(id).copied().unwrap_or_default();
            Account {
                ran_ns: after.ran_ns.saturating_sub(before.ran_ns),
                waited_ns: after.waited_ns.saturating_sub(before.waited_ns),
            }
        };
        let works = |t: &Account| (t.ran_ns + t.waited_ns) as f64 >= WORKS * wall_ns as f64;
        let working: Vec<Account> = after.iter().map(since).filter(works).collect();
        Workers {
            wall_ns,
            threads: working.len() as u32,
            ran_ns: working.iter().map(|t| t.ran_ns).sum(),
            waited_ns: working.iter().map(|t| t.waited_ns).max().unwrap_or(0),
        }
    }

    /// Share of the time that the thread that waited longest stood without a processor.
    pub fn waited(&self) -> f64 {
        self.waited_ns as f64 / self.wall_ns.max(1) as f64
    }

    /// Why a figure is in doubt, where a thread waited for more than [`MOST_WAIT`].
    pub fn starved(&self) -> Option<Reason> {
        let waited = self.waited();
        if waited <= MOST_WAIT {
            return None;
        }
        let processors = self.ran_ns as f64 / self.wall_ns.max(1) as f64;
        Some(Reason::new(
            "workers-starved",
            format!(
                "a thread that does the adapter's work waited for a processor for {:.0} % of the time: {} threads had {processors:.2} processors",
                100.0 * waited,
                self.threads
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn workers(threads: &[(f64, f64)]) -> Workers {
        let ns = |s: f64| (s * SECOND as f64) as u64;
        let before: Threads = (0..).zip(threads).map(|(id, _)| (id, Account { ran_ns: 7, waited_ns: 9 })).collect();
        let account = |&(ran, waited)| Account { ran_ns: 7 + ns(ran), waited_ns: 9 + ns(waited) };
        let after: Threads = (0..).zip(threads.iter().map(account)).collect();
        Workers::between(&before, &after, SECOND)
    }

    #[test]
    fn schedstat_is_read_as_the_kernel_writes_it() {
        assert_eq!(parse("208629 2541215 2\n"), Some(Account { ran_ns: 208_629, waited_ns: 2_541_215 }));
        for broken in ["", "12", "12 x 2", "-1 2 3"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn two_workers_on_one_processor_are_starved_and_two_on_two_are_not() {
        let halved = workers(&[(0.5, 0.5), (0.5, 0.49)]);
        assert_eq!(halved.threads, 2);
        let reason = halved.starved().unwrap();
        assert_eq!(reason.code, "workers-starved");
        assert!(
            reason.detail.contains("50 %") && reason.detail.contains("2 threads had 1.00 processors"),
            "{reason:?}"
        );
        assert_eq!(workers(&[(0.99, 0.01), (0.98, 0.0)]).starved(), None);
    }

    #[test]
    fn one_worker_that_a_neighbour_holds_up_is_starved_and_an_idle_thread_that_waits_is_not() {
        assert!(workers(&[(0.98, 0.0), (0.6, 0.4)]).starved().is_some());
        assert_eq!(workers(&[(0.9, 0.02), (0.05, 0.15)]).starved(), None, "a thread that hands on");
        assert_eq!(workers(&[(0.37, 0.2), (0.37, 0.1), (0.2, 0.1)]).starved(), None, "short dispatches");
        assert_eq!(workers(&[(0.75, 0.25), (0.75, 0.14)]).starved(), None, "up to a quarter");
        assert!(workers(&[(0.73, 0.27), (0.9, 0.0)]).starved().is_some());
        assert_eq!(workers(&[]).starved(), None);
    }

    #[test]
    fn a_thread_that_is_new_counts_from_its_first_moment_and_one_that_ended_is_gone() {
        let account = |ran_ns, waited_ns| Account { ran_ns, waited_ns };
        let before = Threads::from([(1, account(5, 5))]);
        let after = Threads::from([(2, account(SECOND / 2, SECOND / 2))]);
        let workers = Workers::between(&before, &after, SECOND);
        assert_eq!((workers.threads, workers.ran_ns, workers.waited_ns), (1, SECOND / 2, SECOND / 2));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_of_this_process_that_works_is_in_the_account() {
        let Some(before) = own_threads() else { return };
        // Of this thread alone: those of other tests end in the meantime.
        let link = std::fs::read_link("/proc/thread-self").unwrap();
        let own = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let begin = std::time::Instant::now();
        let mut x = 1u64;
        while begin.elapsed().as_millis() < 20 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let total = |threads: &Threads| threads[&own].ran_ns + threads[&own].waited_ns;
        assert!(total(&own_threads().unwrap()) - total(&before) >= 5_000_000);
    }
}
