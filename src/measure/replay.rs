//! Every statistic and verdict again, from the raw samples of a record, with no adapter.

use super::figure::derive;
use super::record::Record;

/// The record with figure, verdict and reasons derived anew from its proof and samples. Equal to the
/// record bit by bit unless the record was edited, or the method changed without a new version.
pub fn replay(record: &Record) -> Record {
    let mut again = record.clone();
    if record.missing.is_none() && record.proof.is_some() {
        let derived = derive(record);
        (again.figure, again.verdict, again.reasons) = (derived.figure, derived.verdict, derived.reasons);
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Family, Kernel, Precision};
    use crate::measure::effort::Effort;
    use crate::measure::engine::{Pace, measure};
    use crate::measure::record::Verdict;
    use crate::measure::scripted::{Script, ScriptedExecutor};
    use crate::measure::suite::Request;
    use crate::measure::timing::unwatched;

    #[test]
    fn what_was_edited_comes_out_again_as_its_samples_say() {
        let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap();
        let request = Request::plain(kernel, "64x48x50".parse().unwrap());
        let mut executor = ScriptedExecutor::new(Script::honest());
        let record = measure(&mut executor, &request, &Effort::smoke(), &mut Pace::default(), &mut unwatched).unwrap();
        assert_eq!(replay(&record), record);
        let mut edited = record.clone();
        edited.figure.as_mut().unwrap().seconds.median *= 0.5;
        edited.verdict = Verdict::Suspect;
        edited.reasons.clear();
        assert_eq!(replay(&edited), record);
    }
}
