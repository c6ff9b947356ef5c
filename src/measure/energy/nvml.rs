//! Energy counters of NVIDIA's accelerators, through the management library that comes with their driver
//! (`nvmlDeviceGetTotalEnergyConsumption`, Volta and newer). It is loaded where it is installed, at run
//! time; nothing of it is needed to build.

use super::Card;
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::ffi::OsStr;
use std::sync::Arc;

/// The counter of one card.
#[derive(Clone)]
pub(super) struct Counter {
    nvml: Arc<Nvml>,
    index: u32,
    name: String,
}

impl Counter {
    /// The counter of `card`, in the library called `library` or the one that the driver installs. Errors
    /// say what is missing.
    pub(super) fn find(library: Option<&OsStr>, card: &Card) -> Result<Counter, String> {
        let failed = |e: NvmlError| match e {
            NvmlError::LibloadingError(_) => "the vendor's management library (NVML) is not installed".to_string(),
            other => format!("the vendor's management library (NVML): {other}"),
        };
        let mut builder = Nvml::builder();
        if let Some(library) = library {
            builder.lib_path(library);
        }
        let nvml = builder.init().map_err(failed)?;
        let mut same = Vec::new();
        for index in 0..nvml.device_count().map_err(failed)? {
            // A card that cannot be asked is another one, or its counter cannot be read either.
            let Ok(pci) = nvml.device_by_index(index).and_then(|d| d.pci_info()) else { continue };
            if pci.pci_device_id == card.device << 16 | card.vendor {
                same.push((index, pci.bus_id));
            }
        }
        // `0000:01:00.0` by wgpu, `00000000:01:00.0` by NVML.
        let here = |bus: &str| !card.bus.is_empty() && bus.to_lowercase().ends_with(&card.bus.to_lowercase());
        let (index, bus) = match (&same[..], same.iter().find(|(_, bus)| here(bus))) {
            (_, Some(one)) => one,
            ([], _) => return Err("the vendor's management library (NVML) does not know this card".into()),
            ([one], _) if card.bus.is_empty() => one,
            (all, _) => {
                let why = match (all.len(), card.bus.is_empty()) {
                    (1, _) => "the only card of this kind that can be read is another one".into(),
                    (n, true) => format!("{n} cards of this kind, and nothing says which of them it is"),
                    (n, false) => format!("{n} cards of this kind, and it is none of them"),
                };
                return Err(why);
            }
        };
        let counter = Counter { name: format!("nvml:{bus}"), index: *index, nvml: Arc::new(nvml) };
        counter.micro().map(|_| counter)
    }

    /// What it is called in a record.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Microjoules since the driver was loaded, in steps of a thousand.
    pub(super) fn micro(&self) -> Result<f64, String> {
        let device = self.nvml.device_by_index(self.index);
        let milli = device.and_then(|d| d.total_energy_consumption()).map_err(|e| format!("`{}`: {e}", self.name))?;
        Ok(milli as f64 * 1e3)
    }
}

/// With a library made for the purpose, as no driver is at hand where tests run.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::{Card, Energy, Meter};
    use super::*;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// Two cards of one kind and one of another. Each reading of the counter of card `i` adds `1 + i`
    /// joules; card 2 has no counter.
    const SOURCE: &str = r#"
        #include <string.h>
        typedef struct { char legacy[16]; unsigned domain, bus, device, id, sub; char bus_id[32]; } Pci;
        static unsigned long long joules[3];
        int nvmlInit_v2(void) { return 0; }
        int nvmlInitWithFlags(unsigned flags) { (void)flags; return 0; }
        int nvmlShutdown(void) { return 0; }
        int nvmlDeviceGetCount_v2(unsigned *n) { *n = 3; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)(1ul + i); return i < 3 ? 0 : 2; }
        int nvmlDeviceGetPciInfo_v3(void *d, Pci *p) {
            unsigned long i = (unsigned long)d - 1;
            memset(p, 0, sizeof *p);
            p->bus = 1 + i;
            p->id = i < 2 ? 0x233010de : 0x1db410de;
            memcpy(p->bus_id, "00000000:01:00.0", 17);
            p->bus_id[10] = '1' + i;
            return 0;
        }
        int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj) {
            unsigned long i = (unsigned long)d - 1;
            if (i == 2) return 3;
            *mj = joules[i] += 1000 * (1 + i);
            return 0;
        }
    "#;

    fn library() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("flopcast-nvml-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, library) = (folder.join("nvml.c"), folder.join("libnvidia-ml.so.1"));
        std::fs::write(&source, SOURCE).unwrap();
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().unwrap();
        assert!(made.success());
        library
    }

    fn card(device: u32, bus: &str) -> Card {
        Card { vendor: 0x10de, device, bus: bus.into() }
    }

    #[test]
    fn a_card_is_found_by_its_bus_and_what_is_missing_is_said() {
        let library = library();
        let find = |card: &Card| Counter::find(Some(library.as_os_str()), card).map(|c| c.name().to_string());
        assert_eq!(find(&card(0x2330, "0000:02:00.0")).unwrap(), "nvml:00000000:02:00.0");
        assert!(find(&card(0x2330, "")).unwrap_err().contains("2 cards of this kind"));
        assert!(find(&card(0x9999, "")).unwrap_err().contains("does not know this card"));
        assert!(find(&card(0x1db4, "")).unwrap_err().contains("`nvml:00000000:03:00.0`"));
        // One that could not be asked is not the one that could.
        assert!(find(&card(0x1db4, "0000:09:00.0")).unwrap_err().contains("is another one"));
        assert!(find(&card(0x2330, "0000:09:00.0")).unwrap_err().contains("2 cards of this kind, and it is none"));
        let nowhere = Path::new("/nonexistent/libnvidia-ml.so.1").as_os_str();
        let missing = Counter::find(Some(nowhere), &card(0x2330, "")).map(|_| ()).unwrap_err();
        assert!(missing.contains("is not installed"), "{missing}");
        // Two joules from one reading to the next, in half a second.
        let counter = Counter::find(Some(library.as_os_str()), &card(0x2330, "0000:02:00.0")).unwrap();
        let meter = Meter::of(counter);
        let energy = meter.since(meter.start(), 0.5);
        assert_eq!(energy.watts(), Some(4.0), "{energy:?}");
        assert!(matches!(energy, Energy::Read { source, .. } if source == "nvml:00000000:02:00.0"));
        std::fs::remove_dir_all(library.parent().unwrap()).unwrap();
    }
}
