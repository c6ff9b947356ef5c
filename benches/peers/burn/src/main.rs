//! burn's matmul on its wgpu backend, driven line by line over stdin and stdout. It runs in a process of
//! its own: one of three runs on lavapipe panicked inside wgpu-core and hung.
//!
//! `adapter` → its name · `prepare M N K A B` (files of little-endian f32) → seconds until the first
//! product was there, autotuning included · `lap REPEATS` → nanoseconds · `result FILE` → `written`.
//! An answer that begins with `error` ends it.

use burn::tensor::{Device, Tensor, TensorData};
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let (device, setup) = Device::wgpu_options().init_with_setup()?;
    let mut job: Option<Job> = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match (&words[..], &mut job) {
            (["adapter"], _) => setup.adapter.get_info().name,
            (["prepare", m, n, k, a, b], job) => {
                let begin = Instant::now();
                let mut next = Job::new(&device, [m.parse()?, n.parse()?, k.parse()?], [*a, *b])?;
                next.lap(&device, 1)?;
                *job = Some(next);
                format!("{}", begin.elapsed().as_secs_f64())
            }
            (["lap", repeats], Some(job)) => job.lap(&device, repeats.parse()?)?.to_string(),
            (["result", path], Some(job)) => {
                job.write(path)?;
                "written".into()
            }
            _ => return Err(format!("`{line}` is no request").into()),
        };
        println!("{answer}");
        stdout().flush()?;
    }
    Ok(())
}

struct Job {
    a: Tensor<2>,
    b: Tensor<2>,
    c: Option<Tensor<2>>,
}

impl Job {
    fn new(device: &Device, [m, n, k]: [usize; 3], [a, b]: [&str; 2]) -> Result<Job, Box<dyn Error>> {
        let operand = |path: &str, shape: [usize; 2]| -> Result<Tensor<2>, Box<dyn Error>> {
            let bytes = std::fs::read(path)?;
            let values: Vec<f32> =
                bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
            Ok(Tensor::from_data(TensorData::new(values, shape), device))
        };
        Ok(Job { a: operand(a, [m, k])?, b: operand(b, [k, n])?, c: None })
    }

    /// Nanoseconds for so many products, submitted together and waited for.
    fn lap(&mut self, device: &Device, repeats: u32) -> Result<u128, Box<dyn Error>> {
        device.sync()?;
        let begin = Instant::now();
        for _ in 0..repeats {
            self.c = Some(self.a.clone().matmul(self.b.clone()));
        }
        device.sync()?;
        Ok(begin.elapsed().as_nanos())
    }

    fn write(&self, path: &str) -> Result<(), Box<dyn Error>> {
        let c = self.c.clone().ok_or("no product yet")?;
        let values = c.into_data().try_into_vec::<f32>().map_err(|e| format!("{e:?}"))?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(path, bytes)?;
        Ok(())
    }
}
