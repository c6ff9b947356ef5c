//! A kernel of a user's own beside those of the catalogue, shape by shape.

use super::record::{Interval, Record, Verdict};
use crate::kernel::{Family, Shape};
use serde::Serialize;

/// One shape: the rate of the file's kernel over that of the best built-in one in the same run.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Against {
    /// Extents of the product.
    pub shape: Shape,
    /// The best built-in kernel that has a figure there, `kernel[tiling]`.
    pub best: String,
    /// Rate over rate: 1.1 is a tenth faster. The ends are the quotients of the two 95 % intervals' far ends, so it is
    /// wider than a paired trial's (`flopcast ab`).
    pub ratio: Interval,
    /// Neither of the two figures is SUSPECT.
    pub sound: bool,
}

/// Compares the records of the kernel whose text has this SHA-256 with those of built-in kernels on the same shape,
/// precision, data and seed. A shape where either side has no figure is left out: its row says why.
pub fn against(wgsl_sha256: &str, records: &[Record]) -> Vec<Against> {
    let custom =
        |record: &Record| record.case.kernel == Family::Custom.name() && record.case.wgsl_sha256 == wgsl_sha256;
    let built_in = |record: &&Record| Family::by_name(&record.case.kernel).is_ok();
    let what = |record: &Record| {
        let case = &record.case;
        (case.shape, case.precision, case.data, case.seed)
    };
    let found = records.iter().filter(|record| custom(record)).filter_map(|own| {
        let figure = own.figure.as_ref()?;
        let others = records.iter().filter(built_in).filter(|other| what(other) == what(own));
        let figures = others.filter_map(|other| Some((other, other.figure.as_ref()?.gflop_per_s)));
        let (best, rate) = figures.max_by(|(_, a), (_, b)| a.median.total_cmp(&b.median))?;
        let own_rate = figure.gflop_per_s;
        Some(Against {
            shape: own.case.shape,
            best: format!("{}[{}]", best.case.kernel, best.case.tiling),
            ratio: Interval {
                median: own_rate.median / rate.median,
                lo: own_rate.lo / rate.hi,
                hi: own_rate.hi / rate.lo,
            },
            sound: own.verdict != Verdict::Suspect && best.verdict != Verdict::Suspect,
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{DataClass, Kernel, Operands, Precision};
    use crate::measure::effort::Effort;
    use crate::measure::scripted::{Script, ScriptedExecutor};
    use crate::measure::suite::Request;
    use crate::measure::{Executor, sweep};

    #[test]
    fn a_file_is_held_against_the_fastest_built_in_kernel_of_its_shape() {
        let cost = |kernel: &Kernel, _, _: &Operands| match kernel.family {
            Family::Custom => 4.0,
            Family::RegisterTiled => 2.0,
            _ => 8.0,
        };
        let mut executor = ScriptedExecutor::new(Script { cost: Box::new(cost), ..Script::honest() });
        let class = executor.class();
        let built_in = |family: Family| {
            Kernel::compose(family, family.default_tiling(class, Precision::F32), Precision::F32).unwrap()
        };
        let text = built_in(Family::Naive).wgsl;
        let own = Kernel::from_wgsl(&text, "`mine.wgsl`", Precision::F32, None).unwrap();
        let shape = Shape::square(64);
        let kernels = [own, built_in(Family::Naive), built_in(Family::RegisterTiled)];
        let mut requests: Vec<_> = kernels.into_iter().map(|kernel| Request::plain(kernel, shape)).collect();
        // A shape that the file alone was measured on has nothing to be held against.
        requests.push(Request::plain(requests[0].kernel.clone(), Shape::square(48)));
        let records =
            sweep(&mut executor, &requests, &Effort::smoke(), &mut |_, _| {}, &|| false, &mut |_| Ok(())).unwrap();
        let found = against(&requests[0].kernel.sha256, &records);
        assert_eq!(found.len(), 1, "{found:?}");
        // Rows of another text, as a resumed record can hold, and built-in ones of other data are not of this trial.
        assert_eq!(against("another", &records), []);
        let mut zeros = records.clone();
        zeros
            .iter_mut()
            .filter(|r| r.case.kernel != Family::Custom.name())
            .for_each(|r| r.case.data = DataClass::Zeros);
        assert_eq!(against(&requests[0].kernel.sha256, &zeros), []);
        assert!(found[0].best.starts_with("register_tiled["), "{found:?}");
        let ratio = found[0].ratio;
        assert!((ratio.median - 0.5).abs() < 0.02 && ratio.lo <= ratio.median && ratio.median <= ratio.hi, "{ratio:?}");
    }
}
