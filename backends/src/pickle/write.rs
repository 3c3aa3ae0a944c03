//! Plain values and numpy arrays as a pickle that Python 3 reads (protocol 3).

/// Writes one value, from the outside to the inside.
#[derive(Debug)]
pub struct PickleWriter {
    bytes: Vec<u8>,
}

impl Default for PickleWriter {
    fn default() -> Self {
        Self {
            bytes: vec![0x80, 3],
        }
    }
}

impl PickleWriter {
    /// A dictionary with `content` as its keys and values in turns.
    pub fn dict(&mut self, content: impl FnOnce(&mut Self)) {
        self.bytes.extend(b"}(");
        content(self);
        self.bytes.push(b'u');
    }

    pub fn list(&mut self, content: impl FnOnce(&mut Self)) {
        self.bytes.extend(b"](");
        content(self);
        self.bytes.push(b'e');
    }

    pub fn text(&mut self, text: &str) {
        self.bytes.push(b'X');
        self.length(text.len());
        self.bytes.extend(text.as_bytes());
    }

    pub fn int(&mut self, value: i32) {
        self.bytes.push(b'J');
        self.bytes.extend(value.to_le_bytes());
    }

    /// An array of `f4`.
    pub fn array_f32(&mut self, shape: &[usize], values: impl Iterator<Item = f32>) {
        let data: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        self.array(shape, "f4", &data);
    }

    /// An array of `i8`.
    pub fn array_i64(&mut self, shape: &[usize], values: impl Iterator<Item = i64>) {
        let data: Vec<u8> = values.flat_map(i64::to_le_bytes).collect();
        self.array(shape, "i8", &data);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'.');
        self.bytes
    }

    /// `_reconstruct(ndarray, (0,), b"b")` with the state `(1, shape, type, False, data)`.
    fn array(&mut self, shape: &[usize], element: &str, data: &[u8]) {
        self.bytes
            .extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R");
        self.bytes.extend(b"(K\x01(");
        for size in shape {
            self.int(i32::try_from(*size).expect("arrays of programs are small"));
        }
        self.bytes.extend(b"tcnumpy\ndtype\n");
        self.text(element);
        // `dtype(element, False, True)` with the state `(3, "<", None, None, None, -1, -1, 0)`.
        self.bytes.extend(b"\x89\x88\x87R(K\x03");
        self.text("<");
        self.bytes
            .extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89B");
        self.length(data.len());
        self.bytes.extend(data);
        self.bytes.extend(b"tb");
    }

    fn length(&mut self, n: usize) {
        let n = u32::try_from(n).expect("shorter than 4 GiB");
        self.bytes.extend(n.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::numpy::{Numpy, Object};
    use super::super::{Value, load};
    use super::PickleWriter;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = PickleWriter::default();
        writer.dict(|writer| {
            writer.text("code");
            writer.list(|writer| {
                writer.list(|writer| {
                    writer.int(-100);
                    writer.int(70_000);
                });
            });
            writer.text("scores");
            writer.array_f32(&[2, 2], [0.5, -1.0, 2.0, 4.0].into_iter());
            writer.text("classes");
            writer.array_i64(&[2], [3, -1].into_iter());
        });
        let value = load::<Numpy>(&writer.finish()).unwrap();
        let code = value.get("code").unwrap();
        let inner = code.items().unwrap().values()[0].clone();
        let shown = format!("{:?}", inner.items().unwrap().values());
        assert_eq!(shown, "[Int(-100), Int(70000)]");
        let check = |key: &str, shape: &[usize], expected: &str| {
            let Some(Value::Object(Object::Array(array))) = value.get(key) else {
                panic!("`{key}` is no array")
            };
            let array = array.borrow();
            assert_eq!(array.shape, shape);
            assert_eq!(
                format!("{:?}", array.values().collect::<Vec<_>>()),
                expected
            );
        };
        check(
            "scores",
            &[2, 2],
            "[Float(0.5), Float(-1.0), Float(2.0), Float(4.0)]",
        );
        check("classes", &[2], "[Int(3), Int(-1)]");
    }
}
