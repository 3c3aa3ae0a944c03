//! numpy's arrays in pickles: shape, type and bytes. Source: `numpy/core/src/multiarray`
//! (`array_reduce`, `arraydescr_reduce`), `numpy/core/numeric.py` (`_frombuffer`).

use std::cell::RefCell;
use std::rc::Rc;

use super::machine::Objects;
use super::value::Value;

/// Plain values and arrays of numbers.
#[derive(Debug)]
pub struct Numpy;

/// What calls make.
#[derive(Clone, Debug)]
pub enum Object {
    Array(Rc<RefCell<Array>>),
    Type(Rc<RefCell<ElementType>>),
}

/// An array of numbers in row-major order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    element: ElementType,
    bytes: Rc<[u8]>,
}

/// `f4`, `i8`, …
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElementType {
    #[default]
    Bool,
    Int(u8),
    Unsigned(u8),
    Float4,
    Float8,
}

impl ElementType {
    fn parse(name: &str) -> Result<Self, String> {
        let bare = name.trim_start_matches(['<', '|', '=']);
        match bare {
            "b1" => Ok(Self::Bool),
            "i1" | "i2" | "i4" | "i8" => Ok(Self::Int(bare.as_bytes()[1] - b'0')),
            "u1" | "u2" | "u4" | "u8" => Ok(Self::Unsigned(bare.as_bytes()[1] - b'0')),
            "f4" => Ok(Self::Float4),
            "f8" => Ok(Self::Float8),
            _ => Err(format!(
                "an array of type `{name}`, which is no plain number"
            )),
        }
    }

    fn n_bytes(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Int(n) | Self::Unsigned(n) => usize::from(n),
            Self::Float4 => 4,
            Self::Float8 => 8,
        }
    }

    fn read(self, bytes: &[u8]) -> Value<Object> {
        match self {
            Self::Bool => Value::Bool(bytes[0] != 0),
            Self::Float4 => {
                let bytes = bytes.try_into().expect("four bytes a number");
                Value::Float(f64::from(f32::from_le_bytes(bytes)))
            }
            Self::Float8 => {
                let bytes = bytes.try_into().expect("eight bytes a number");
                Value::Float(f64::from_le_bytes(bytes))
            }
            Self::Int(_) | Self::Unsigned(_) => {
                let is_negative = matches!(self, Self::Int(_))
                    && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut raw = [if is_negative { 0xff } else { 0 }; 8];
                raw[..bytes.len()].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(raw))
            }
        }
    }
}

impl Array {
    /// The numbers, in row-major order.
    pub fn values(&self) -> impl Iterator<Item = Value<Object>> + '_ {
        let element = self.element;
        self.bytes
            .chunks_exact(element.n_bytes())
            .map(move |bytes| element.read(bytes))
    }

    /// The parts along the first axis: numbers of a vector, else arrays.
    ///
    /// # Errors
    /// When it has no axis.
    pub fn rows(&self) -> Result<Vec<Value<Object>>, String> {
        let Some((n_rows, shape)) = self.shape.split_first() else {
            return Err("a number where an array is expected".to_owned());
        };
        if shape.is_empty() {
            return Ok(self.values().collect());
        }
        let row_bytes = self.bytes.len().checked_div(*n_rows).unwrap_or_default();
        if row_bytes == 0 {
            return Ok(Vec::new());
        }
        let rows = self.bytes.chunks_exact(row_bytes).map(|bytes| {
            let array = Self {
                shape: shape.to_vec(),
                element: self.element,
                bytes: bytes.into(),
            };
            Value::Object(Object::Array(Rc::new(RefCell::new(array))))
        });
        Ok(rows.collect())
    }

    fn new(shape: Vec<usize>, element: ElementType, bytes: Rc<[u8]>) -> Result<Self, String> {
        let n_elements = shape
            .iter()
            .try_fold(1_usize, |n, size| n.checked_mul(*size));
        let n_bytes = n_elements.and_then(|n| n.checked_mul(element.n_bytes()));
        if n_bytes != Some(bytes.len()) {
            return Err(format!(
                "an array of shape {shape:?} in {} bytes",
                bytes.len()
            ));
        }
        Ok(Self {
            shape,
            element,
            bytes,
        })
    }
}

impl Objects for Numpy {
    type Object = Object;

    const WHAT: &'static str = "file of numpy arrays";

    fn call(function: &str, arguments: &[Value<Object>]) -> Option<Result<Value<Object>, String>> {
        Some(match function {
            "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct" => {
                match arguments {
                    [Value::Global(class), ..] if &**class == "numpy.ndarray" => {
                        Ok(Value::Object(Object::Array(Rc::default())))
                    }
                    _ => Err("an array of another class than numpy.ndarray".to_owned()),
                }
            }
            "numpy.dtype" => match arguments {
                [Value::Text(name), ..] => ElementType::parse(name)
                    .map(|element| Value::Object(Object::Type(Rc::new(RefCell::new(element))))),
                _ => Err("a type without a name".to_owned()),
            },
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => scalar(arguments),
            "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer" => {
                from_buffer(arguments)
            }
            "_codecs.encode" => latin_1(arguments),
            _ => return None,
        })
    }

    fn set_state(object: &Value<Object>, state: &Value<Object>) -> Result<(), String> {
        let Value::Tuple(state) = state else {
            return Err("it sets attributes of an object".to_owned());
        };
        let state = state.values();
        match (object, &state[..]) {
            (
                Value::Object(Object::Array(array)),
                [
                    _,
                    shape,
                    Value::Object(Object::Type(element)),
                    Value::Bool(false),
                    Value::Bytes(bytes),
                ],
            ) => {
                let element = *element.borrow();
                *array.borrow_mut() = Array::new(sizes(shape)?, element, Rc::clone(bytes))?;
                Ok(())
            }
            (Value::Object(Object::Array(_)), [_, _, _, Value::Bool(true), _]) => {
                Err("an array in Fortran's order".to_owned())
            }
            (Value::Object(Object::Type(_)), [_, Value::Text(order), ..]) => match &**order {
                "<" | "|" | "=" => Ok(()),
                order => Err(format!("numbers in the byte order `{order}`")),
            },
            _ => Err("it sets attributes of an object".to_owned()),
        }
    }
}

fn sizes(shape: &Value<Object>) -> Result<Vec<usize>, String> {
    let Value::Tuple(shape) = shape else {
        return Err("an array without a shape".to_owned());
    };
    let shape = shape.values();
    shape
        .iter()
        .map(|size| match size {
            Value::Int(size) => usize::try_from(*size).map_err(|_| "a negative size".to_owned()),
            _ => Err("a size that is no number".to_owned()),
        })
        .collect()
}

fn scalar(arguments: &[Value<Object>]) -> Result<Value<Object>, String> {
    match arguments {
        [Value::Object(Object::Type(element)), Value::Bytes(bytes)]
            if bytes.len() == element.borrow().n_bytes() =>
        {
            Ok(element.borrow().read(bytes))
        }
        _ => Err("a number without its type and bytes".to_owned()),
    }
}

fn from_buffer(arguments: &[Value<Object>]) -> Result<Value<Object>, String> {
    match arguments {
        [
            Value::Bytes(bytes),
            Value::Object(Object::Type(element)),
            shape,
            Value::Text(order),
        ] if &**order == "C" => {
            let array = Array::new(sizes(shape)?, *element.borrow(), Rc::clone(bytes))?;
            Ok(Value::Object(Object::Array(Rc::new(RefCell::new(array)))))
        }
        _ => Err("an array that is not in C's order".to_owned()),
    }
}

/// Bytes as pickles for Python 2 hold them.
fn latin_1(arguments: &[Value<Object>]) -> Result<Value<Object>, String> {
    match arguments {
        [Value::Text(text), Value::Text(encoding)] if &**encoding == "latin1" => text
            .chars()
            .map(|c| u8::try_from(c).map_err(|_| "a text that is not Latin-1".to_owned()))
            .collect::<Result<Vec<u8>, String>>()
            .map(|bytes| Value::Bytes(bytes.into())),
        _ => Err("a text in another encoding than Latin-1".to_owned()),
    }
}
