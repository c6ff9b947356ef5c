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
