//! The tree of a quantity: the quantities in its formula, and below them every input that moves it, down
//! to the citation or the measured record.

use super::{Output, Study};
use crate::project::catalog::Catalog;
use crate::project::projection::SourceRef;
use crate::project::sample::quantile;
use crate::provenance::Tier;
use crate::sourced::Spread;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Computed from its children.
    Quantity,
    /// Stated in a data file.
    Input,
    /// Measured here; its source is the record.
    Measurement,
}

/// A quantity or an input with all that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// At the medians, in `unit`.
    pub value: f64,
    /// 5 and 95 % of its draws in `unit`, where it is uncertain.
    pub range: Option<[f64; 2]>,
    /// Unit.
    pub unit: String,
    /// How a quantity is made, or what there is to say about an input.
    pub note: String,
    /// The worst tier of what it rests on.
    pub tier: Tier,
    /// Whether a software adapter had a part in it.
    pub software: bool,
    /// Its documents: for an input its own, for a quantity all of them.
    pub sources: Vec<SourceRef>,
    /// Date of an input's source.
    pub date: String,
    /// What it is made of.
    pub children: Vec<Node>,
}

/// Schema id of [`Explanation`].
pub const SCHEMA: &str = "flopcast.explain/1";

/// What `flopcast explain --format json` prints: the tree, its root beside the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Explanation {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Name of the scenario.
    #[serde(default)]
    pub scenario: String,
    /// The quantity that was asked for.
    #[serde(flatten)]
    pub tree: Node,
}

impl Node {
    /// Names of the inputs below, each once, sorted.
    pub fn inputs(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.collect(&mut all);
        all.sort();
        all.dedup();
        all
    }

    fn collect(&self, into: &mut Vec<String>) {
        if self.kind != NodeKind::Quantity {
            into.push(self.name.clone());
        }
        for child in &self.children {
            child.collect(into);
        }
    }
}

impl Study<'_> {
    /// The tree of a quantity; `None` where this scenario has no such quantity.
    ///
    /// Its inputs are those that move it when they are changed ([`Study::moves`]), so the tree cannot
    /// drift from the arithmetic. An input that reaches it through a quantity of its formula hangs
    /// below that one, any other below the quantity itself.
    pub fn explain(&self, catalog: &Catalog, output: Output) -> Option<Node> {
        self.at_medians(output)?;
        let root: Vec<usize> = (0..self.inputs.len()).filter(|i| self.moves(*i, output)).collect();
        Some(self.node(catalog, output, &root))
    }

    fn node(&self, catalog: &Catalog, output: Output, allowed: &[usize]) -> Node {
        let mine: Vec<usize> = allowed.iter().copied().filter(|i| self.moves(*i, output)).collect();
        let parts = output.of().iter().filter(|part| self.at_medians(**part).is_some());
        let mut children: Vec<Node> =
            parts.map(|part| self.node(catalog, *part, &mine)).filter(|n| !n.children.is_empty()).collect();
        let below: Vec<String> = children.iter().flat_map(Node::inputs).collect();
        let own = mine.iter().filter(|i| !below.contains(&self.inputs[**i].name));
        children.extend(own.map(|i| self.leaf(catalog, *i)));
        let mut draws = self.draws(output);
        draws.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&draws, 0.05), quantile(&draws, 0.95));
        let provenance = self.provenance(output);
        Node {
            name: output.name().into(),
            kind: NodeKind::Quantity,
            value: self.told(output, &draws),
            range: (low != high).then_some([low, high]),
            unit: output.unit().into(),
            note: output.formula().into(),
            tier: provenance.as_ref().map_or(Tier::Assumed, |p| p.tier),
            software: provenance.as_ref().is_some_and(|p| p.software),
            sources: provenance.iter().flat_map(|p| &p.sources).map(|id| SourceRef::of(catalog, id)).collect(),
            date: String::new(),
            children,
        }
    }

    fn leaf(&self, catalog: &Catalog, place: usize) -> Node {
        let input = &self.inputs[place];
        let size = if input.written == 0.0 { 1.0 } else { input.median / input.written };
        let provenance = input.provenance.clone();
        let sources: Vec<String> = provenance.iter().flat_map(|p| p.sources.clone()).collect();
        let measured = sources.iter().any(|id| !catalog.sources.contains_key(id));
        Node {
            name: input.name.clone(),
            kind: if measured { NodeKind::Measurement } else { NodeKind::Input },
            value: input.written,
            range: (input.spread != Spread::None)
                .then(|| [0.05, 0.95].map(|u| input.spread.at(input.median, u) / size)),
            unit: input.unit.clone(),
            note: input.note.clone(),
            tier: provenance.as_ref().map_or(Tier::Assumed, |p| p.tier),
            software: provenance.is_some_and(|p| p.software),
            sources: sources.iter().map(|id| SourceRef::of(catalog, id)).collect(),
            date: input.date.clone(),
            children: vec![],
        }
    }
}
