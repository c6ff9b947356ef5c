use super::*;
use crate::kernel::{DataClass, Shape};

/// The textbook product in f32, as a right kernel would leave it.
fn product(operands: &Operands) -> Matrix {
    product_in(operands, |v| f64::from(v as f32))
}

/// The textbook product, every sum rounded.
fn product_in(operands: &Operands, round: impl Fn(f64) -> f64) -> Matrix {
    let (a, b) = (&operands.a, &operands.b);
    let mut c = Matrix::zeros(a.rows, b.cols);
    for i in 0..a.rows {
        for (k, &value) in a.row(i).iter().enumerate() {
            for j in 0..b.cols {
                let sum = &mut c.values[i * c.stride + j];
                *sum = round(*sum + round(value * b.row(k)[j]));
            }
        }
    }
    c
}

/// Shapes that hurt: no multiple of a tile, one row, one column, prime, thin.
const SHAPES: [(u32, u32, u32); 10] = [
    (1, 1, 1),
    (1, 33, 7),
    (33, 1, 7),
    (17, 19, 23),
    (5, 64, 1),
    (64, 3, 130),
    (31, 37, 41),
    (2, 2, 511),
    (48, 48, 48),
    (13, 100, 97),
];

#[test]
fn a_right_product_raises_no_false_alarm_over_1000_seeds_and_shapes() {
    for seed in 0..1000u64 {
        let (m, n, k) = SHAPES[seed as usize % SHAPES.len()];
        let shape = Shape::new(m, n, k).unwrap();
        let data = DataClass::ALL[(seed / 10) as usize % 4];
        let operands = if seed % 5 == 0 {
            Operands::exact(shape, Precision::F32, seed)
        } else {
            Operands::of_class(shape, Precision::F32, data, seed)
        };
        let proof = prove(&operands, &product(&operands), Precision::F32, seed);
        assert!(proof.passed, "seed {seed}, {shape}, {data:?}: {proof:?}");
    }
}

/// What a precision's sums are rounded to.
fn rounding(precision: Precision) -> fn(f64) -> f64 {
    match precision {
        Precision::F16 => |v| Precision::F16.operand(v),
        Precision::F32 | Precision::F16AccF32 => |v| f64::from(v as f32),
        Precision::I8AccI32 | Precision::F64 => |v| v,
    }
}

/// Orders in which an honest kernel may sum the same terms, from the textbook's to the worst for rounding.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// First to last.
    Forward,
    /// Last to first.
    Backward,
    /// Halves of halves, as a tree of invocations does.
    Pairwise,
    /// Four strided sums, added at the end: k unrolled by four.
    Strided,
    /// Largest terms first, so that every later one is rounded against the whole.
    LargestFirst,
    /// All positive terms, then all negative ones: the partial sums are as large as they can get.
    SignsApart,
}

const ORDERS: [Order; 6] =
    [Order::Forward, Order::Backward, Order::Pairwise, Order::Strided, Order::LargestFirst, Order::SignsApart];

/// Sums rounded terms in an order, every sum rounded.
fn sum_in(order: Order, mut terms: Vec<f64>, round: fn(f64) -> f64) -> f64 {
    let forward = |terms: &[f64]| terms.iter().fold(0.0, |sum, &term| round(sum + term));
    fn pairwise(terms: &[f64], round: fn(f64) -> f64) -> f64 {
        match terms {
            [] => 0.0,
            &[term] => term,
            _ => {
                let (left, right) = terms.split_at(terms.len() / 2);
                round(pairwise(left, round) + pairwise(right, round))
            }
        }
    }
    match order {
        Order::Forward => forward(&terms),
        Order::Backward => {
            terms.reverse();
            forward(&terms)
        }
        Order::Pairwise => pairwise(&terms, round),
        Order::Strided => {
            let lane = |lane| terms.iter().skip(lane).step_by(4).fold(0.0, |sum, &term| round(sum + term));
            forward(&[0, 1, 2, 3].map(lane))
        }
        Order::LargestFirst => {
            terms.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
            forward(&terms)
        }
        Order::SignsApart => {
            terms.sort_by(|a, b| b.total_cmp(a));
            forward(&terms)
        }
    }
}

fn product_summed(operands: &Operands, precision: Precision, order: Order) -> Matrix {
    let (a, b, round) = (&operands.a, &operands.b, rounding(precision));
    let mut c = Matrix::zeros(a.rows, b.cols);
    for i in 0..a.rows {
        for j in 0..b.cols {
            let terms = operands.rows_b(i).zip(a.row(i)).map(|(k, &value)| round(value * b.row(k)[j])).collect();
            c.values[i * c.stride + j] = sum_in(order, terms, round);
        }
    }
    c
}

/// The orders that real kernels sum in; the last two are worse than any.
fn honest(precision: Precision, order: Order) -> bool {
    // In halves the worst orders lose more than a kernel's own order can, and the bound is not made for them.
    precision != Precision::F16 || !matches!(order, Order::SignsApart | Order::LargestFirst)
}

#[test]
fn every_precision_data_and_honest_order_of_summation_raises_no_alarm_over_1000_seeds_and_shapes() {
    let shapes = [(1, 1, 1), (1, 33, 7), (33, 1, 7), (17, 19, 23), (5, 8, 1), (9, 3, 130), (2, 2, 511), (3, 2, 2048)];
    let mut worst = [0.0f64; 5];
    for seed in 0..1000u64 {
        let (m, n, k) = shapes[seed as usize % shapes.len()];
        let shape = Shape { batch: 1 + (seed % 3) as u32, ..Shape::new(m, n, k).unwrap() };
        let data = [DataClass::Normal, DataClass::Uniform, DataClass::Constant][(seed / 8) as usize % 3];
        for (precision, worst) in Precision::ALL.into_iter().zip(&mut worst) {
            let order = ORDERS[(seed / 24) as usize % ORDERS.len()];
            if !honest(precision, order) {
                continue;
            }
            for operands in [Operands::of_class(shape, precision, data, seed), Operands::exact(shape, precision, seed)]
            {
                let c = product_summed(&operands, precision, order);
                let proof = prove(&operands, &c, precision, seed);
                assert!(proof.passed, "seed {seed}, {shape}, {precision}, {data:?}, {order:?}: {proof:?}");
                *worst = worst.max(proof.worst.unwrap());
            }
        }
    }
    // The tolerance is not so wide that nothing could ever reach it.
    for (precision, worst) in Precision::ALL.into_iter().zip(worst) {
        let exact = precision == Precision::I8AccI32;
        assert!(if exact { worst == 0.0 } else { worst > 0.02 }, "{precision}: {worst}");
    }
}

#[test]
fn one_corrupt_element_is_caught_from_a_known_multiple_of_its_tolerance_on() {
    // One element off by x times the tolerance of its row. It is seen outright where its row is recomputed;
    // elsewhere Freivalds sees it, against the tolerance of a whole row of n elements.
    let (m, n) = (40, 33);
    for precision in Precision::ALL {
        for (k, seed) in [(7, 1u64), (64, 2), (300, 3), (1000, 4)] {
            let shape = Shape::new(m, n, k).unwrap();
            let operands = Operands::of_class(shape, precision, DataClass::Normal, seed);
            let right = product_summed(&operands, precision, Order::Forward);
            for place in 0..200usize {
                let (row, column) = (place * 7 % m as usize, place * 11 % n as usize);
                let norm_b = operands.rows_b(row).map(|k| operands.b.row(k)[column].powi(2)).sum::<f64>().sqrt();
                let at = row * right.stride + column;
                let tolerance =
                    element_tolerance(&operands, precision, norm(operands.a.row(row)) * norm_b, right.values[at]);
                let corrupt = |by: f64| {
                    let mut c = right.clone();
                    c.values[at] += by;
                    prove(&operands, &c, precision, seed).passed
                };
                // Bytes tolerate nothing, so a single unit shows.
                let unit = if tolerance == 0.0 { 1.0 } else { tolerance };
                let edge = if row == 0 || row == m as usize - 1 { 2.5 } else { CAUGHT };
                assert!(!corrupt(edge * unit), "{precision}, k {k}, row {row}, column {column}: passed");
                assert!(!corrupt(-edge * unit), "{precision}, k {k}, row {row}, column {column}: passed");
            }
        }
    }
}

/// Tolerances of one element that Freivalds surely sees in a row of 33: the row's tolerance is 8·√33 = 46 of them,
/// with x at its largest, while the element may be weighed with 1 alone; half as much again since norms differ.
const CAUGHT: f64 = 1.5 * 46.0;

#[test]
fn a_relative_error_of_every_element_is_caught_from_a_share_that_the_precision_sets() {
    // Every element too large by the same share, as a wrong scale would have it. A sum of k terms of unit
    // variance is about √k, and ‖a‖·‖b‖ about k: that makes shares of the tolerance.
    for precision in [Precision::F16, Precision::F32, Precision::F16AccF32, Precision::F64] {
        for seed in 0..50 {
            let shape = Shape::new(24, 19, 100 + 40 * seed as u32).unwrap();
            let (k, u) = (f64::from(shape.k), precision.sum_roundoff());
            let share = match precision {
                Precision::F16 => 2.0 * LAMBDA * u * k.sqrt(),
                Precision::F64 => 2.0 * LAMBDA * u * k,
                _ => LAMBDA * u * k,
            };
            let operands = Operands::of_class(shape, precision, DataClass::Normal, seed);
            let mut c = product_summed(&operands, precision, Order::Forward);
            assert!(prove(&operands, &c, precision, seed).passed);
            c.values.iter_mut().for_each(|v| *v *= 1.0 + share);
            assert!(!prove(&operands, &c, precision, seed).passed, "{precision}, seed {seed}");
        }
    }
}

#[test]
fn a_right_product_of_every_precision_passes_and_one_of_coarser_sums_does_not() {
    let shape = Shape::new(40, 33, 300).unwrap();
    for precision in Precision::ALL {
        for seed in 0..5 {
            let operands = Operands::of_class(shape, precision, DataClass::Normal, seed);
            let right = product_in(&operands, rounding(precision));
            let proof = prove(&operands, &right, precision, seed);
            assert!(proof.passed, "{precision} seed {seed}: {proof:?}");
            let coarse = product_in(
                &operands,
                match precision {
                    Precision::F16 => |v: f64| v.round(),
                    Precision::F32 | Precision::F16AccF32 => rounding(Precision::F16),
                    Precision::I8AccI32 => rounding(Precision::F16),
                    Precision::F64 => rounding(Precision::F32),
                },
            );
            assert!(!prove(&operands, &coarse, precision, seed).passed, "{precision} seed {seed}");
        }
    }
}

/// How an output is spoiled.
type Spoil = fn(&Operands, &mut Matrix);

#[test]
fn every_wrong_output_is_caught_on_exact_and_on_normal_data() {
    let mutants: [(&str, Spoil); 8] = [
        ("poison left everywhere", |_, c| c.values.fill(f64::NAN)),
        ("zeros", |_, c| c.values.fill(0.0)),
        ("half of the rows never written", |_, c| {
            let half = c.values.len() / 2;
            c.values[half..].fill(f64::NAN);
        }),
        ("half of k", |o, c| {
            let mut half = o.clone();
            half.a.values.chunks_exact_mut(o.a.stride).for_each(|row| row[o.a.cols / 2..].fill(0.0));
            *c = product(&half);
        }),
        ("b transposed", |o, c| {
            let mut t = o.clone();
            for i in 0..o.b.rows {
                for j in 0..o.b.cols {
                    t.b.values[i * o.b.stride + j] = o.b.values[j * o.b.stride + i];
                }
            }
            *c = product(&t);
        }),
        ("one element off by one", |_, c| c.values[c.stride * 20 + 11] += 1.0),
        ("one element infinite", |_, c| c.values[c.stride * 20 + 11] = f64::INFINITY),
        ("two elements swapped", |_, c| c.values.swap(c.stride * 20 + 3, c.stride * 20 + 4)),
    ];
    let shape = Shape::square(40);
    for seed in 0..20 {
        for operands in [
            Operands::exact(shape, Precision::F32, seed),
            Operands::of_class(shape, Precision::F32, DataClass::Normal, seed),
        ] {
            let right = product(&operands);
            for (name, spoil) in mutants {
                let mut c = right.clone();
                spoil(&operands, &mut c);
                if c == right {
                    continue; // two equal whole numbers swapped are no fault
                }
                let proof = prove(&operands, &c, Precision::F32, seed);
                assert!(!proof.passed, "{name} passed at seed {seed}, exact {}: {proof:?}", operands.exact);
                assert!(proof.failure.is_some());
            }
        }
    }
}

#[test]
fn exact_operands_tolerate_nothing() {
    let operands = Operands::exact(Shape::square(24), Precision::F32, 1);
    let mut c = product(&operands);
    c.values[5] += 0.001;
    assert!(!prove(&operands, &c, Precision::F32, 1).passed);
    // In halves the bound for rounded sums is wider than one unit of a long whole-number sum.
    let operands = Operands::exact(Shape::new(3, 4, 1000).unwrap(), Precision::F16, 1);
    let mut c = product_in(&operands, rounding(Precision::F16));
    assert!(operands.exact && prove(&operands, &c, Precision::F16, 1).passed);
    c.values[5] += 1.0;
    assert!(!prove(&operands, &c, Precision::F16, 1).passed);
    // Nor where k is so long that the bound is as large as the sums: zeros are no product, nor is a part of k.
    let operands = Operands::exact(Shape::new(2, 3, 300_000).unwrap(), Precision::F16, 1);
    assert!(prove(&operands, &product_in(&operands, rounding(Precision::F16)), Precision::F16, 1).passed);
    assert!(!prove(&operands, &Matrix::zeros(2, 3), Precision::F16, 1).passed);
    let mut part = operands.clone();
    part.a.values.chunks_exact_mut(operands.a.stride).for_each(|row| row[65_535..].fill(0.0));
    assert!(!prove(&operands, &product(&part), Precision::F16, 1).passed);
}

#[test]
fn an_output_of_another_size_is_no_product() {
    let operands = Operands::exact(Shape::square(8), Precision::F32, 1);
    for (rows, columns) in [(8, 7), (7, 8), (9, 8), (8, 9), (0, 8)] {
        let proof = prove(&operands, &Matrix::zeros(rows, columns), Precision::F32, 1);
        assert_eq!((proof.passed, proof.failure), (false, Some(format!("the output is {rows}x{columns}"))));
    }
}

#[test]
fn errors_that_cancel_in_a_row_are_caught_by_one_of_four_random_vectors() {
    // One too many here and one too few there, in a row that is not recomputed: ones, or plus and minus one, would see
    // nothing in each vector or in half of them.
    let shape = Shape::new(300, 8, 3).unwrap();
    for seed in 0..2000u64 {
        let operands = Operands::exact(shape, Precision::F32, seed);
        let mut c = product(&operands);
        let (row, first) = (1 + seed as usize % 298, seed as usize % 8);
        c.values[row * c.stride + first] += 1.0;
        c.values[row * c.stride + (first + 3) % 8] -= 1.0;
        assert!(!prove(&operands, &c, Precision::F32, seed).passed, "seed {seed}");
    }
}

#[test]
fn which_rows_are_recomputed_cannot_be_foreseen_but_for_the_first_and_the_last() {
    // Off by three tolerances: seen where the row is recomputed, too little for Freivalds.
    let shape = Shape::new(20, 65, 40).unwrap();
    let operands = Operands::of_class(shape, Precision::F32, DataClass::Normal, 1);
    let caught = |row: usize| -> Vec<bool> {
        let mut c = product(&operands);
        let norm_b = operands.rows_b(row).map(|k| operands.b.row(k)[5].powi(2)).sum::<f64>().sqrt();
        let at = row * c.stride + 5;
        let norms = norm(operands.a.row(row)) * norm_b;
        c.values[at] += 3.0 * element_tolerance(&operands, Precision::F32, norms, c.values[at]);
        (0..100).map(|seed| !prove(&operands, &c, Precision::F32, seed).passed).collect()
    };
    for row in [0, 19] {
        assert!(caught(row).iter().all(|&caught| caught), "row {row}");
    }
    for row in [1, 7, 18] {
        let times = caught(row).iter().filter(|&&caught| caught).count();
        assert!((5..50).contains(&times), "row {row}: in {times} of 100");
    }
}
