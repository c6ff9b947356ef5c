//! Energy while something is timed, from the counters that the kernel of the operating system shows:
//! RAPL under `class/powercap` (Intel, and AMD since Linux 5.8), `amd_energy` and the counters of
//! graphics drivers under `class/hwmon`; and from the library that comes with NVIDIA's driver.
//!
//! A counter is of a package or a card as a whole: what the timed work draws, what idles beside it, and
//! what other processes do. Where nothing can be read, the reason is what is known.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
mod nvml;

/// Energy of the timed part of a case: warm-up, rounds and the host's waits between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Energy {
    /// It was read.
    Read {
        /// Joules in those seconds.
        joules: f64,
        /// Seconds between the two readings.
        seconds: f64,
        /// The counters, joined by a comma.
        source: String,
    },
    /// It was not.
    Missing {
        /// Why.
        reason: String,
    },
}

impl Energy {
    /// Mean watts, where it was read.
    pub fn watts(&self) -> Option<f64> {
        match self {
            Energy::Read { joules, seconds, .. } => Some(joules / seconds).filter(|w| w.is_finite() && *w > 0.0),
            Energy::Missing { .. } => None,
        }
    }
}

/// A counter of microjoules.
#[derive(Clone)]
enum Counter {
    /// A file of the operating system's.
    File {
        path: PathBuf,
        /// Microjoules after which it begins anew; none for one of 64 bits.
        range: Option<f64>,
    },
    #[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
    Nvml(nvml::Counter),
}

impl Counter {
    fn name(&self) -> String {
        match self {
            Counter::File { path, .. } => path.display().to_string(),
            #[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
            Counter::Nvml(counter) => counter.name().into(),
        }
    }

    fn read(&self) -> std::result::Result<f64, String> {
        match self {
            Counter::File { path, .. } => number(path),
            #[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
            Counter::Nvml(counter) => counter.micro(),
        }
    }

    fn range(&self) -> Option<f64> {
        match self {
            Counter::File { range, .. } => *range,
            #[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
            Counter::Nvml(_) => None,
        }
    }
}

/// A card, as its bus knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// PCI vendor.
    pub vendor: u32,
    /// PCI device.
    pub device: u32,
    /// Its place on the bus, as `0000:01:00.0`; empty where that is not known.
    pub bus: String,
}

/// The counters of what an adapter runs on.
#[derive(Clone)]
pub struct Meter {
    counters: std::result::Result<Vec<Counter>, String>,
}

/// Where counters stood.
pub struct Started(std::result::Result<Vec<f64>, String>);

/// Watts beyond which no package goes: with it a span is too long where a counter may have begun anew twice.
const MOST_WATTS: f64 = 1_000.0;

impl Meter {
    /// The counters under `root`, which is `/sys` on a Linux machine, of an adapter of this type.
    pub fn find(root: &Path, device_type: &str, card: &Card) -> Meter {
        let counters = match device_type {
            "cpu" | "integrated_gpu" => packages(root),
            "discrete_gpu" if card.vendor == NVIDIA => managed(card),
            "discrete_gpu" => sensor(root, card),
            other => Err(format!("nothing is known of counters of a device of type `{other}`")),
        };
        Meter { counters }
    }

    #[cfg(all(test, feature = "gpu", target_os = "linux"))]
    fn of(counter: nvml::Counter) -> Meter {
        Meter { counters: Ok(vec![Counter::Nvml(counter)]) }
    }

    /// Reads the counters for the first time.
    pub fn start(&self) -> Started {
        Started(self.read())
    }

    /// What was drawn since, `seconds` ago.
    pub fn since(&self, started: Started, seconds: f64) -> Energy {
        match self.drawn(started, seconds) {
            Ok((joules, source)) => Energy::Read { joules, seconds, source },
            Err(reason) => Energy::Missing { reason },
        }
    }

    fn read(&self) -> std::result::Result<Vec<f64>, String> {
        self.counters.as_ref().map_err(Clone::clone)?.iter().map(Counter::read).collect()
    }

    fn drawn(&self, started: Started, seconds: f64) -> std::result::Result<(f64, String), String> {
        let (before, after) = (started.0?, self.read()?);
        let counters = self.counters.as_ref().map_err(Clone::clone)?;
        let mut micro = 0.0;
        for ((counter, before), after) in counters.iter().zip(before).zip(after) {
            let path = counter.name();
            micro += match counter.range() {
                Some(range) if seconds * MOST_WATTS * 1e6 > range => {
                    return Err(format!(
                        "`{path}` may have begun anew twice in {seconds:.0} s: it counts {range:e} uJ"
                    ));
                }
                _ if after >= before => after - before,
                Some(range) => after + range - before,
                None => return Err(format!("`{path}` went backwards")),
            };
        }
        if micro <= 0.0 {
            return Err("the counters stood still".into());
        }
        let names: Vec<String> = counters.iter().map(Counter::name).collect();
        Ok((micro * 1e-6, names.join(", ")))
    }
}

/// The text of a file without its end of line, or why there is none.
fn text(path: &Path) -> std::result::Result<String, String> {
    fs::read_to_string(path).map(|t| t.trim().to_string()).map_err(|e| {
        let why = match e.kind() {
            ErrorKind::NotFound => "is not there".to_string(),
            ErrorKind::PermissionDenied => "permission denied; most systems show it to root alone".to_string(),
            _ => e.to_string(),
        };
        format!("`{}`: {why}", path.display())
    })
}

fn number(path: &Path) -> std::result::Result<f64, String> {
    let told = text(path)?;
    told.parse::<f64>()
        .ok()
        .filter(|n| n.is_finite() && *n >= 0.0)
        .ok_or_else(|| format!("`{}`: `{told}` is no count", path.display()))
}

/// The folders in a folder, in the order of their names; none where it is not there.
fn folders(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

/// Packages and their memories. `psys` and the parts of a package are in these already.
fn packages(root: &Path) -> std::result::Result<Vec<Counter>, String> {
    let (powercap, hwmon) = (root.join("class/powercap"), root.join("class/hwmon"));
    let zones = folders(&powercap)
        .into_iter()
        .filter(|zone| text(&zone.join("name")).is_ok_and(|name| name.starts_with("package") || name == "dram"));
    let mut counters = Vec::new();
    for zone in zones {
        let range = number(&zone.join("max_energy_range_uj"))?;
        let path = zone.join("energy_uj");
        number(&path)?;
        counters.push(Counter::File { path, range: Some(range) });
    }
    for sensor in folders(&hwmon) {
        if !counters.is_empty() || text(&sensor.join("name")).ok().as_deref() != Some("amd_energy") {
            continue;
        }
        for label in folders(&sensor) {
            let name = label.file_name().map(|n| n.to_string_lossy().to_string()).unwrap_or_default();
            let Some(which) = name.strip_suffix("_label").filter(|n| n.starts_with("energy")) else { continue };
            if text(&label).is_ok_and(|told| told.starts_with("Esocket")) {
                let path = sensor.join(format!("{which}_input"));
                number(&path)?;
                counters.push(Counter::File { path, range: None });
            }
        }
    }
    if counters.is_empty() {
        let [a, b] = [powercap, hwmon].map(|p| p.display().to_string());
        return Err(format!("no package in `{a}`, no `amd_energy` in `{b}`"));
    }
    Ok(counters)
}

/// PCI vendor of NVIDIA.
const NVIDIA: u32 = 0x10de;

/// The counter behind the vendor's management library.
#[cfg(all(feature = "gpu", any(target_os = "linux", windows)))]
fn managed(card: &Card) -> std::result::Result<Vec<Counter>, String> {
    nvml::Counter::find(None, card).map(|c| vec![Counter::Nvml(c)])
}

#[cfg(not(all(feature = "gpu", any(target_os = "linux", windows))))]
fn managed(_: &Card) -> std::result::Result<Vec<Counter>, String> {
    Err("this vendor's counter is behind its management library (NVML), which this build does not read".into())
}

/// The counter of a card among the sensors, by its PCI vendor and device.
fn sensor(root: &Path, card: &Card) -> std::result::Result<Vec<Counter>, String> {
    let hwmon = root.join("class/hwmon");
    let id = |path: PathBuf| {
        let told = text(&path).ok()?;
        u32::from_str_radix(told.trim_start_matches("0x"), 16).ok()
    };
    let mine = |sensor: &PathBuf| {
        id(sensor.join("device/vendor")) == Some(card.vendor) && id(sensor.join("device/device")) == Some(card.device)
    };
    let sensors: Vec<PathBuf> = folders(&hwmon).into_iter().filter(mine).collect();
    match &sensors[..] {
        [] => Err(format!("no sensor of this card in `{}`", hwmon.display())),
        [one] => {
            let path = one.join("energy1_input");
            number(&path)?;
            Ok(vec![Counter::File { path, range: None }])
        }
        _ => Err(format!("{} cards of this kind, and nothing says which of them it is", sensors.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Tree {
            let root = std::env::temp_dir().join(format!("flopcast-sys-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(&root).unwrap();
            Tree(root)
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }

        fn zone(&self, zone: &str, name: &str, micro: u64) {
            self.put(&format!("class/powercap/{zone}/name"), name);
            self.put(&format!("class/powercap/{zone}/energy_uj"), &micro.to_string());
            self.put(&format!("class/powercap/{zone}/max_energy_range_uj"), "262143328850");
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const DEVICE: u32 = 0x2330;

    fn card(vendor: u32) -> Card {
        Card { vendor, device: DEVICE, bus: String::new() }
    }

    fn reason(energy: Energy) -> String {
        match energy {
            Energy::Missing { reason } => reason,
            Energy::Read { .. } => panic!("{energy:?}"),
        }
    }

    #[test]
    fn packages_and_their_memories_are_added_up_and_nothing_twice() {
        let tree = Tree::new("add");
        for (zone, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "psys"),
        ] {
            tree.zone(zone, name, 1_000_000);
        }
        let meter = Meter::find(&tree.0, "cpu", &Card::default());
        let started = meter.start();
        for (zone, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "psys"),
        ] {
            tree.zone(zone, name, 31_000_000);
        }
        let energy = meter.since(started, 2.0);
        assert_eq!(energy.watts(), Some(30.0), "{energy:?}");
        let Energy::Read { source, .. } = energy else { panic!() };
        assert!(source.contains("intel-rapl:0/energy_uj") && !source.contains("intel-rapl:1"), "{source}");
    }

    #[test]
    fn a_counter_that_begins_anew_goes_on_and_one_that_may_have_done_so_twice_is_not_believed() {
        let tree = Tree::new("wrap");
        tree.zone("intel-rapl:0", "package-0", 262_143_328_850 - 5_000_000);
        let meter = Meter::find(&tree.0, "cpu", &Card::default());
        let started = meter.start();
        tree.zone("intel-rapl:0", "package-0", 7_000_000);
        let energy = meter.since(started, 3.0);
        assert!((energy.watts().unwrap() - 4.0).abs() < 1e-9, "{energy:?}");
        let reason = reason(meter.since(meter.start(), 300.0));
        assert!(reason.contains("twice"), "{reason}");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let tree = Tree::new("why");
        let missing = |device_type: &str, vendor| {
            let meter = Meter::find(&tree.0, device_type, &card(vendor));
            reason(meter.since(meter.start(), 1.0))
        };
        assert!(missing("cpu", 0).contains("no package in"), "{}", missing("cpu", 0));
        assert!(missing("discrete_gpu", NVIDIA).contains("management library"));
        assert!(missing("discrete_gpu", 0x1002).contains("no sensor of this card"));
        assert!(missing("other", 0).contains("type `other`"));
        tree.put("class/powercap/intel-rapl:0/name", "package-0");
        tree.put("class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
        assert!(missing("cpu", 0).contains("energy_uj`: is not there"), "{}", missing("cpu", 0));
        tree.put("class/powercap/intel-rapl:0/energy_uj", "much");
        assert!(missing("cpu", 0).contains("`much` is no count"), "{}", missing("cpu", 0));
        tree.zone("intel-rapl:0", "package-0", 5);
        assert!(missing("cpu", 0).contains("stood still"));
    }

    #[test]
    fn a_socket_of_amd_energy_and_the_one_card_of_its_kind_are_read() {
        let tree = Tree::new("hwmon");
        tree.put("class/hwmon/hwmon0/name", "amd_energy");
        tree.put("class/hwmon/hwmon0/energy1_label", "Ecore000");
        tree.put("class/hwmon/hwmon0/energy1_input", "9");
        tree.put("class/hwmon/hwmon0/energy2_label", "Esocket0");
        let read = |path: &str, device_type: &str, vendor: u32| {
            tree.put(path, "1000000");
            let meter = Meter::find(&tree.0, device_type, &card(vendor));
            let started = meter.start();
            tree.put(path, "51000000");
            meter.since(started, 1.0)
        };
        assert_eq!(read("class/hwmon/hwmon0/energy2_input", "cpu", 0).watts(), Some(50.0));
        let device = format!("{DEVICE:#x}");
        for n in [1, 2] {
            tree.put(&format!("class/hwmon/hwmon{n}/device/vendor"), "0x8086");
            tree.put(&format!("class/hwmon/hwmon{n}/device/device"), &device);
            let energy = read("class/hwmon/hwmon1/energy1_input", "discrete_gpu", 0x8086);
            match n {
                1 => assert_eq!(energy.watts(), Some(50.0)),
                _ => assert!(reason(energy).contains("2 cards of this kind")),
            }
        }
    }
}
