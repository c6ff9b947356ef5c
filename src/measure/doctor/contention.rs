//! Who else is on this machine: fixed work repeated, and the kernel's own account of the processors.

use super::clock::{ready, repeats};
use super::{Check, Grade, Instrument};
use crate::measure::Step;
use crate::measure::record::Workers;
use crate::stats::median::sorted;

/// Pairs of fixed work on the host and on the device.
const PAIRS: usize = 30;

/// Length of the device's part.
const DEVICE_S: f64 = 5e-3;

/// Steps of the host's part: about 2 ms on a core of 2020s speed.
const HOST_STEPS: u64 = 1_000_000;

/// Times of the same work above this spread (ninth tenth over the least) are worth a word.
const SPREAD_WARN: f64 = 0.10;

/// A share of all processors that others use, above which timings wander: 5 % of the machine.
const OTHERS_WARN: f64 = 0.05;

/// Processor time so far, in any one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTimes {
    /// All processors together, idle or not.
    pub total: u64,
    /// Of that, spent on work of any process.
    pub busy: u64,
    /// Of that, this process.
    pub own: u64,
    /// Taken away by the hypervisor.
    pub stolen: u64,
}

impl CpuTimes {
    /// Share of all processors that others and the hypervisor took since an earlier moment; 0 where no time passed.
    pub fn taken_since(self, before: CpuTimes) -> f64 {
        let [others, stolen] = self.shares_since(before).unwrap_or_default();
        others + stolen
    }

    /// Shares of other processes and of the hypervisor; `None` where no time passed by the account.
    fn shares_since(self, before: CpuTimes) -> Option<[f64; 2]> {
        let since = |get: fn(&CpuTimes) -> u64| get(&self).saturating_sub(get(&before)) as f64;
        let total = since(|t| t.total);
        let others = (since(|t| t.busy) - since(|t| t.own)).max(0.0) / total;
        (total > 0.0).then(|| [others, since(|t| t.stolen) / total])
    }
}

/// Where processor times come from: the operating system, or a list in tests.
pub trait Cpu {
    /// Times so far; `None` where this system does not tell.
    fn times(&mut self) -> Option<CpuTimes>;

    /// Does a fixed amount of work on the host and returns the nanoseconds it took.
    fn spin(&mut self, steps: u64) -> u64;
}

/// Spread of fixed work on both sides, interleaved.
pub fn look(instrument: &mut dyn Instrument, cpu: &mut dyn Cpu) -> Step<Vec<Check>> {
    ready(instrument)?;
    let k = repeats(instrument, DEVICE_S)?;
    let (mut host, mut device) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        host.push(cpu.spin(HOST_STEPS) as f64);
        device.push(instrument.submit(k)?.host_ns as f64);
    }
    let mut checks = vec![spread("host-spread", &host), spread("device-spread", &device)];
    // By itself: a thread that spins on the host in between would count as one that works.
    if let Some(before) = instrument.threads() {
        let mut device_ns = 0;
        for _ in 0..PAIRS {
            device_ns += instrument.submit(k)?.host_ns;
        }
        checks.extend(instrument.threads().map(|after| workers(Workers::between(&before, &after, device_ns))));
    }
    Ok(checks)
}

/// Whether the threads of a CPU-type adapter had a processor each.
fn workers(given: Workers) -> Check {
    let check = match given.starved() {
        Some(reason) => Check::of("workers", Grade::Warn, &reason.code, reason.detail),
        None => {
            let words = format!("its threads waited for a processor for {:.1} % of the time", 100.0 * given.waited());
            Check::ok("workers", words)
        }
    };
    check.with("waited_share", given.waited())
}

fn spread(check: &'static str, times: &[f64]) -> Check {
    let Ok(times) = sorted(times) else {
        return Check::of(check, Grade::NotKnown, "no-samples", "nothing was timed");
    };
    let (least, high) = (times[0], times[times.len() * 9 / 10]);
    if least <= 0.0 {
        return Check::of(check, Grade::NotKnown, "no-samples", "the clock stood still");
    }
    let over = high / least - 1.0;
    let words = format!("the same work takes up to {:.1} % longer than at its best in nine of ten", over * 100.0);
    let check =
        if over > SPREAD_WARN { Check::of(check, Grade::Warn, "unsteady", words) } else { Check::ok(check, words) };
    check.with("ninth_tenth_over_least", over)
}

/// What other processes and the hypervisor took while the examination ran.
pub fn others(times: Option<(CpuTimes, CpuTimes)>) -> Check {
    let name = "other-processes";
    let Some((before, after)) = times else {
        return Check::of(name, Grade::NotKnown, "no-proc", "this system has no /proc/stat to ask");
    };
    let Some([others, stolen]) = after.shares_since(before) else {
        return Check::of(name, Grade::NotKnown, "no-samples", "no time passed by the system's account");
    };
    let words =
        format!("others used {:.1} % of the processors, the hypervisor took {:.1} %", others * 100.0, stolen * 100.0);
    let check = if others + stolen > OTHERS_WARN {
        Check::of(name, Grade::Warn, "contention", words)
    } else {
        Check::ok(name, words)
    };
    check.with("others_share", others).with("stolen_share", stolen)
}

/// The machine this runs on. Linux tells its times in `/proc`; elsewhere they are not known.
#[derive(Debug, Default)]
pub struct Machine;

impl Cpu for Machine {
    fn times(&mut self) -> Option<CpuTimes> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        parse(&stat, &own)
    }

    fn spin(&mut self, steps: u64) -> u64 {
        let begin = std::time::Instant::now();
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..steps {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        std::hint::black_box(x);
        begin.elapsed().as_nanos() as u64
    }
}

/// Reads proc(5): user, nice, system, idle, iowait, irq, softirq, steal of all processors, and fields 14 and
/// 15 (utime, stime) of the process.
fn parse(stat: &str, own: &str) -> Option<CpuTimes> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|t| t.parse().ok()).collect();
    let [user, nice, system, idle, iowait, irq, softirq, stolen] = ticks.get(..8)?.try_into().ok()?;
    let busy = user + nice + system + irq + softirq;
    // The name, in brackets, may hold spaces.
    let (_, rest) = own.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let own = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(CpuTimes { total: busy + idle + iowait + stolen, busy, own, stolen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_the_manual_says() {
        let stat = "cpu  100 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        let own = "42 (a name) with) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14";
        let times = parse(stat, own).unwrap();
        assert_eq!(times, CpuTimes { total: 621, busy: 163, own: 11 + 12, stolen: 8 });
        assert_eq!(parse("cpu  1 2 3\n", own), None);
        assert_eq!(parse("", own), None);
        assert_eq!(parse(stat, "42"), None);
    }

    #[test]
    fn what_others_use_is_what_is_neither_idle_nor_ours() {
        let before = CpuTimes::default();
        let quiet = CpuTimes { total: 1000, busy: 520, own: 500, stolen: 10 };
        let check = others(Some((before, quiet)));
        assert_eq!((check.grade, check.figure("others_share")), (Grade::Ok, Some(0.02)));
        let busy = CpuTimes { total: 1000, busy: 900, own: 500, stolen: 0 };
        let check = others(Some((before, busy)));
        assert_eq!((check.grade, check.code.as_deref()), (Grade::Warn, Some("contention")));
        let stolen = CpuTimes { total: 1000, busy: 500, own: 500, stolen: 100 };
        assert_eq!(others(Some((before, stolen))).grade, Grade::Warn);
        assert_eq!(others(None).grade, Grade::NotKnown);
    }

    #[test]
    fn a_thread_without_a_processor_is_a_warning() {
        let given = |waited_ns| workers(Workers { wall_ns: 1000, threads: 2, ran_ns: 1000, waited_ns });
        let check = given(490);
        assert_eq!((check.grade, check.code.as_deref()), (Grade::Warn, Some("workers-starved")));
        assert_eq!((given(20).grade, given(20).figure("waited_share")), (Grade::Ok, Some(0.02)));
    }

    #[test]
    fn work_that_wanders_is_called_unsteady() {
        assert_eq!(spread("host-spread", &[100.0; 30]).grade, Grade::Ok);
        let mut times = vec![100.0; 30];
        times[0] = 3000.0;
        assert_eq!(spread("host-spread", &times).grade, Grade::Ok, "one of thirty is within nine of ten");
        times[..8].fill(130.0);
        assert_eq!(spread("host-spread", &times).grade, Grade::Warn);
        assert_eq!(spread("host-spread", &[]).grade, Grade::NotKnown);
    }
}
