//! The mutants and what became of them.

use super::{Document, Printed, Sheet, Table};
use crate::measure::self_test::{Outcome, SelfTest};

fn word(outcome: &Outcome) -> &'static str {
    if outcome.caught { "ok" } else { "MISSED" }
}

impl Printed for SelfTest {
    const TABLES: &'static [&'static str] = &["mutants"];

    fn document(&self) -> Document {
        let mut table = Table::new(&["*outcome", "mutant", "what came out"]);
        for outcome in &self.outcomes {
            table.row([word(outcome), &outcome.mutant, &outcome.saw]);
        }
        let mut out = Document::new();
        out.table(table);
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "mutants",
            &self.outcomes,
            &[("outcome", |o| word(o).into()), ("mutant", |o| (&o.mutant).into()), ("saw", |o| (&o.saw).into())],
        )]
    }
}
