//! Rows of numbers, in panels.

/// Columns of a panel.
pub(crate) const PANEL: usize = 32;

/// A matrix of `n_rows` rows, stored as panels of 32 columns, each panel row by row. A product
/// with a packed matrix reads and writes this layout without rearranging anything, and each
/// panel of a result is one piece of memory, which one thread may write.
///
/// Columns beyond the width are zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    n_rows: usize,
    n_panels: usize,
    data: Vec<f32>,
}

impl Rows {
    pub fn new(n_rows: usize, width: usize) -> Self {
        let mut rows = Self::default();
        rows.reset(n_rows, width);
        rows
    }

    /// Changes the size. Keeps the memory, and leaves old numbers in it, which the caller
    /// overwrites.
    pub(crate) fn reset(&mut self, n_rows: usize, width: usize) {
        self.n_rows = n_rows;
        self.n_panels = width.div_ceil(PANEL);
        self.data.resize(n_rows * self.n_panels * PANEL, 0.0);
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_panels(&self) -> usize {
        self.n_panels
    }

    pub(crate) fn data(&self) -> &[f32] {
        &self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The pieces of one row, 32 numbers each.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &[f32; PANEL]> + Clone {
        assert!(row < self.n_rows, "there is no row {row}");
        let (pieces, _) = self.data.as_chunks::<PANEL>();
        pieces.iter().skip(row).step_by(self.n_rows)
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> impl Iterator<Item = &mut [f32; PANEL]> {
        assert!(row < self.n_rows, "there is no row {row}");
        let (pieces, _) = self.data.as_chunks_mut::<PANEL>();
        pieces.iter_mut().skip(row).step_by(self.n_rows)
    }

    /// Copies the beginning of a row, as much as `out` holds.
    pub fn copy_row(&self, row: usize, out: &mut [f32]) {
        for (piece, out) in self.row(row).zip(out.chunks_mut(PANEL)) {
            out.copy_from_slice(&piece[..out.len()]);
        }
    }

    /// Replaces a row; what `values` does not cover becomes zero.
    pub(crate) fn set_row(&mut self, row: usize, values: &[f32]) {
        let mut values = values.chunks(PANEL);
        for piece in self.row_mut(row) {
            let value = values.next().unwrap_or_default();
            piece[..value.len()].copy_from_slice(value);
            piece[value.len()..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written() {
        let mut rows = Rows::new(3, 40);
        let values: Vec<f32> = (0..40).map(|value| value as f32).collect();
        rows.set_row(1, &values);
        let mut copy = vec![0.0; 40];
        rows.copy_row(1, &mut copy);
        assert_eq!(copy, values);
        rows.copy_row(2, &mut copy);
        assert_eq!(copy, vec![0.0; 40]);
        assert_eq!(rows.row(1).count(), 2);
    }
}
