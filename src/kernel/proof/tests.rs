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
}

#[test]
fn an_output_of_another_size_is_no_product() {
    let operands = Operands::exact(Shape::square(8), Precision::F32, 1);
    assert!(!prove(&operands, &Matrix::zeros(8, 7), Precision::F32, 1).passed);
}
