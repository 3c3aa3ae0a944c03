//! The pickle of a `state_dict`: which calls it may ask for. [`backends::pickle`] reads it, and
//! executes nothing. What `torch.save` writes: `torch/_utils.py`, `torch/serialization.py`.

use std::collections::BTreeMap;
use std::rc::Rc;

use backends::pickle::{self, Objects};

/// What calls make.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Storage(Storage),
    Tensor(StridedTensor),
}

type Value = pickle::Value<Object>;

/// Elements in an entry of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// `FloatStorage`, …
    pub(super) class: Rc<str>,
    pub(super) key: Rc<str>,
}

/// A view of a storage, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StridedTensor {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The tensors of the pickled dictionary, by name. Entries that are no tensors are left out; a
/// dictionary `state_dict` inside stands for the whole.
///
/// # Errors
/// What is wrong, with the position of the instruction.
pub(super) fn tensors(bytes: &[u8]) -> Result<BTreeMap<String, StridedTensor>, String> {
    let mut dict = pickle::load::<StateDict>(bytes)?;
    if !matches!(dict, Value::Dict(_)) {
        return Err("the pickle holds no dictionary of tensors".to_owned());
    }
    if let Some(inner @ Value::Dict(_)) = dict.get("state_dict") {
        dict = inner;
    }
    let mut tensors = BTreeMap::new();
    if let Some(items) = dict.items() {
        for pair in items.values().chunks_exact(2) {
            if let [Value::Text(name), Value::Object(Object::Tensor(tensor))] = pair {
                tensors.insert(name.to_string(), tensor.clone());
            }
        }
    }
    if tensors.is_empty() {
        return Err("the pickled dictionary holds no tensors".to_owned());
    }
    Ok(tensors)
}

/// An ordered dictionary, a tensor and a parameter.
struct StateDict;

impl Objects for StateDict {
    type Object = Object;

    const WHAT: &'static str = "state dict";

    fn call(function: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(match (function, arguments) {
            ("collections.OrderedDict", []) => Ok(Value::Dict(Rc::default())),
            ("torch._utils._rebuild_parameter", [data, ..]) => Ok(data.clone()),
            (
                "torch._utils._rebuild_tensor_v2",
                [
                    Value::Object(Object::Storage(storage)),
                    Value::Int(offset),
                    shape @ Value::Tuple(_),
                    strides @ Value::Tuple(_),
                    ..,
                ],
            ) => tensor(storage, *offset, shape, strides),
            _ => return None,
        })
    }

    /// `('storage', torch.FloatStorage, key, place, number of elements)`.
    fn persistent(id: &Value) -> Result<Value, String> {
        if let Value::Tuple(parts) = id
            && let [Value::Text(tag), Value::Global(class), Value::Text(key), ..] =
                &parts.values()[..]
            && &**tag == "storage"
        {
            let class = class.strip_prefix("torch.").unwrap_or(class).into();
            let key = key.clone();
            return Ok(Value::Object(Object::Storage(Storage { class, key })));
        }
        Err("a persistent id that is no storage".to_owned())
    }

    /// An ordered dictionary has attributes that matter to nobody.
    fn set_state(object: &Value, _: &Value) -> Result<(), String> {
        match object {
            Value::Dict(_) => Ok(()),
            _ => Err("it sets attributes of an object".to_owned()),
        }
    }
}

fn tensor(storage: &Storage, offset: i64, shape: &Value, strides: &Value) -> Result<Value, String> {
    let size = |value: i64| usize::try_from(value).map_err(|_| "a negative size".to_owned());
    let sizes = |tuple: &Value| -> Result<Vec<usize>, String> {
        let Some(items) = tuple.items() else {
            return Err("sizes that are no tuple".to_owned());
        };
        items
            .values()
            .iter()
            .map(|value| match value {
                Value::Int(value) => size(*value),
                _ => Err("a size that is no number".to_owned()),
            })
            .collect()
    };
    Ok(Value::Object(Object::Tensor(StridedTensor {
        storage: storage.clone(),
        offset: size(offset)?,
        shape: sizes(shape)?,
        strides: sizes(strides)?,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_no_state_dict_needs_are_named_and_not_made() {
        // What `pickle.dumps` makes of an object whose `__reduce__` gives `os.system, ("true",)`.
        let pickle = b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.";
        let error = tensors(pickle).unwrap_err();
        assert!(error.contains("`posix.system`"), "{error}");
        assert!(error.contains("nothing was executed"), "{error}");
    }

    #[test]
    fn rubbish_is_an_error() {
        let check = |bytes: &[u8], expected: &str| {
            let error = tensors(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(b"\x80\x02}", "cut off");
        check(b"\x80\x02K\x01.", "no dictionary");
        check(b"\x80\x02}.", "holds no tensors");
    }
}
