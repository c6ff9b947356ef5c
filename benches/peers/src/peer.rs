//! What everyone who multiplies has to offer.

use flopcast::kernel::{Matrix, Operands};

/// A failure of one peer ends its row, not the run.
pub type Result<T> = std::result::Result<T, String>;

/// C (m×n) = A (m×k) · B (k×n) in f32, row-major.
pub trait Peer {
    /// Name as printed.
    fn name(&self) -> String;

    /// Takes the operands and computes a first product: compilation, tuning and allocation are in it.
    fn prepare(&mut self, operands: &Operands) -> Result<()>;

    /// Overwrites the result where the peer writes into a buffer of ours; a peer that allocates a new
    /// one for each product has nothing to do.
    fn poison(&mut self) -> Result<()> {
        Ok(())
    }

    /// Computes so many products in one go and waits for them; nanoseconds of the host's clock.
    fn lap(&mut self, repeats: u32) -> Result<u64>;

    /// The product of the last lap.
    fn result(&mut self) -> Result<Matrix>;
}

/// The values of a matrix without the padding of its rows.
pub fn dense(matrix: &Matrix) -> Vec<f32> {
    (0..matrix.rows).flat_map(|row| matrix.row(row).iter().map(|&v| v as f32)).collect()
}

/// The way back.
pub fn matrix(rows: usize, cols: usize, values: &[f32]) -> Result<Matrix> {
    if values.len() != rows * cols {
        return Err(format!("{} values for {rows}×{cols}", values.len()));
    }
    let mut out = Matrix::zeros(rows, cols);
    for (to, from) in out.values.chunks_exact_mut(out.stride).zip(values.chunks_exact(cols)) {
        to[..cols].iter_mut().zip(from).for_each(|(to, &from)| *to = f64::from(from));
    }
    Ok(out)
}
