//! What a scripted kernel leaves behind where each of its dispatches is looked at.

use super::{Job, KernelFault, ScriptedExecutor};
use crate::kernel::Matrix;
use crate::measure::witness::{Fill, Watch, Watched, glimpses};
use crate::measure::{Executor, Step};

impl ScriptedExecutor {
    pub(super) fn seen(&mut self, plan: &[Watch], keep: usize) -> Step<Watched> {
        let (fault, script_s) = (self.script.kernel, self.script.submission_s);
        let mut watched = Watched { host_ns: 0, kept: Matrix::zeros(0, 0), glimpses: Vec::new() };
        for (number, watch) in plan.iter().enumerate() {
            let job = self.jobs.get_mut()?;
            match (watch.before, &job.decoy) {
                (Fill::Decoy, Some(decoy)) => job.c.clone_from(decoy),
                _ => job.c.values.fill(f64::NAN),
            }
            if watch.works {
                dispatch(job, fault, plan.len() - 1 - number);
            }
            watched.glimpses.push(glimpses(&job.c, &watch.places));
            if number == keep {
                watched.kept = self.read()?;
            }
        }
        let job = self.jobs.get()?;
        let work_s = job.shape.flop() * job.cost / self.script.flop_per_s;
        let host_ns = (script_s + work_s * plan.iter().filter(|w| w.works).count() as f64) * 1e9;
        self.now_ns += host_ns;
        watched.host_ns = host_ns as u64;
        Ok(watched)
    }
}

/// One dispatch of several, so many from the last.
fn dispatch(job: &mut Job, fault: KernelFault, from_last: usize) {
    let there = job.c.values.iter().all(|v| v.is_finite());
    let works = match fault {
        KernelFault::None | KernelFault::HalfK | KernelFault::TransposesB => true,
        KernelFault::StopsWriting | KernelFault::OffByAHair => true,
        KernelFault::Nothing | KernelFault::AnswerThere | KernelFault::ValidationError => false,
        KernelFault::RightOnce => !job.worked,
        KernelFault::Remembers => job.c != job.answer,
        KernelFault::EveryOther => from_last.is_multiple_of(2),
        KernelFault::OnlyLast => from_last == 0,
        KernelFault::Marks if there => {
            job.worked = !job.worked;
            job.worked
        }
        KernelFault::Marks => true,
        KernelFault::ForgetsARow if from_last > 0 => {
            let (row, stride) = (job.shape.m as usize / 2, job.c.stride);
            let left: Vec<f64> = job.c.values[row * stride..][..stride].to_vec();
            job.c.clone_from(&job.answer);
            job.c.values[row * stride..][..stride].copy_from_slice(&left);
            false
        }
        KernelFault::ForgetsARow => true,
        KernelFault::HalfGrid => {
            let half = job.c.values.len() / 2;
            job.c.values[..half].copy_from_slice(&job.answer.values[..half]);
            false
        }
        KernelFault::WritesNan => {
            job.c.values.fill(f64::NAN);
            false
        }
    };
    if works {
        job.c.clone_from(&job.answer);
        job.worked |= fault == KernelFault::RightOnce;
    }
}
