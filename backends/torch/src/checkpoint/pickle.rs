//! A pickle as data: the instructions that build a `state_dict` and no others.
//!
//! A pickle is a program. This reader knows the instructions for plain containers, and of the
//! calls that a pickle may ask for it knows three, which it answers itself: an ordered
//! dictionary, a tensor and a parameter. Anything else ends in an error that names it, and
//! nothing is ever executed. Instructions: CPython `Lib/pickletools.py`; what `torch.save`
//! writes: `torch/_utils.py`, `torch/serialization.py`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Deeper nesting than any state dict has.
const MAX_STACK: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    /// The value is of no interest to a state dict.
    Float,
    Text(Rc<str>),
    Tuple(Rc<Vec<Value>>),
    List(Rc<RefCell<Vec<Value>>>),
    Dict(Dict),
    Global(Rc<str>),
    Storage(Storage),
    Tensor(StridedTensor),
}

pub(super) type Dict = Rc<RefCell<Vec<(Value, Value)>>>;

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
    let mut machine = Machine {
        bytes,
        position: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    let value = machine
        .run()
        .map_err(|detail| format!("pickle, byte {}: {detail}", machine.position))?;
    let Value::Dict(mut dict) = value else {
        return Err("the pickle holds no dictionary of tensors".to_owned());
    };
    let inner = dict.borrow().iter().find_map(|item| match item {
        (Value::Text(key), Value::Dict(inner)) if &**key == "state_dict" => Some(inner.clone()),
        _ => None,
    });
    if let Some(inner) = inner {
        dict = inner;
    }
    let tensors: BTreeMap<String, StridedTensor> = dict
        .borrow()
        .iter()
        .filter_map(|item| match item {
            (Value::Text(name), Value::Tensor(tensor)) => Some((name.to_string(), tensor.clone())),
            _ => None,
        })
        .collect();
    if tensors.is_empty() {
        return Err("the pickled dictionary holds no tensors".to_owned());
    }
    Ok(tensors)
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value>,
    /// Heights of the stack at which a mark stands.
    marks: Vec<usize>,
    memo: BTreeMap<usize, Value>,
}

type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    fn run(&mut self) -> Step<Value> {
        loop {
            let instruction = self.byte()?;
            if instruction == b'.' {
                return self.pop();
            }
            self.perform(instruction)?;
            if self.stack.len() > MAX_STACK {
                return Err("the stack grows without bound".to_owned());
            }
        }
    }

    fn perform(&mut self, instruction: u8) -> Step<()> {
        match instruction {
            // Protocol, frame: nothing to do.
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool),
            0x89 => self.stack.push(Value::Bool),
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            0x8a => self.push_long()?,
            b'G' => {
                self.take(8)?;
                self.stack.push(Value::Float);
            }
            b'X' => self.push_text(4)?,
            0x8c | b'U' => self.push_text(1)?,
            b'}' => self.stack.push(Value::Dict(Rc::default())),
            b']' => self.stack.push(Value::List(Rc::default())),
            b')' => self.push_tuple(Vec::new()),
            0x85..=0x87 => {
                let n = usize::from(instruction - 0x84);
                let at = self.stack.len().checked_sub(n).ok_or(SHORT)?;
                let items = self.stack.split_off(at);
                self.push_tuple(items);
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push_tuple(items);
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.extend_list(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.extend_dict(vec![key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.extend_dict(items)?;
            }
            b'q' => {
                let index = usize::from(self.byte()?);
                self.memoize(index)?;
            }
            b'r' => {
                let index = self.length(4)?;
                self.memoize(index)?;
            }
            0x94 => self.memoize(self.memo.len())?,
            b'h' => {
                let index = usize::from(self.byte()?);
                self.recall(index)?;
            }
            b'j' => {
                let index = self.length(4)?;
                self.recall(index)?;
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.stack
                    .push(Value::Global(format!("{module}.{name}").into()));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err("a global without a name".to_owned());
                };
                self.stack
                    .push(Value::Global(format!("{module}.{name}").into()));
            }
            b'Q' => {
                let value = storage(&self.pop()?)?;
                self.stack.push(value);
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = call(&function, &arguments)?;
                self.stack.push(value);
            }
            // The state of an object: an ordered dictionary has attributes that matter to nobody.
            b'b' => {
                self.pop()?;
                if !matches!(self.stack.last(), Some(Value::Dict(_))) {
                    return Err("it sets attributes of an object".to_owned());
                }
            }
            other => {
                return Err(format!(
                    "instruction 0x{other:02x} is none of a state dict's"
                ));
            }
        }
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value>) {
        self.stack.push(Value::Tuple(Rc::new(items)));
    }

    fn push_int(&mut self, n_bytes: usize) -> Step<()> {
        let value = self.length(n_bytes)?;
        self.stack.push(Value::Int(value as i64));
        Ok(())
    }

    fn push_long(&mut self) -> Step<()> {
        let n = usize::from(self.byte()?);
        let bytes = self.take(n)?;
        if n > 8 {
            return Err("an integer of more than 64 bits".to_owned());
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut raw = [if negative { 0xff } else { 0 }; 8];
        raw[..n].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(raw)));
        Ok(())
    }

    fn push_text(&mut self, n_bytes: usize) -> Step<()> {
        let n = self.length(n_bytes)?;
        let text = std::str::from_utf8(self.take(n)?).map_err(|_| "a text that is not UTF-8")?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<Value>) -> Step<()> {
        match self.stack.last() {
            Some(Value::List(list)) => list.borrow_mut().extend(items),
            _ => return Err("items for what is no list".to_owned()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: Vec<Value>) -> Step<()> {
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return Err("items for what is no dictionary".to_owned());
        };
        if !items.len().is_multiple_of(2) {
            return Err("a key without a value".to_owned());
        }
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            dict.borrow_mut().push((key, value));
        }
        Ok(())
    }

    fn memoize(&mut self, index: usize) -> Step<()> {
        let value = self.stack.last().ok_or(SHORT)?.clone();
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Step<()> {
        let value = self.memo.get(&index).ok_or("a reference to nothing")?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn pop(&mut self) -> Step<Value> {
        self.stack.pop().ok_or_else(|| SHORT.to_owned())
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value>> {
        let height = self.marks.pop().ok_or("no mark")?;
        if height > self.stack.len() {
            return Err(SHORT.to_owned());
        }
        Ok(self.stack.split_off(height))
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, n: usize) -> Step<&'a [u8]> {
        let end = self.position.checked_add(n).ok_or(CUT_OFF)?;
        let taken = self.bytes.get(self.position..end).ok_or(CUT_OFF)?;
        self.position = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("N bytes were taken"))
    }

    /// A little-endian number without sign.
    fn length(&mut self, n_bytes: usize) -> Step<usize> {
        let bytes = self.take(n_bytes)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | usize::from(*byte));
        Ok(value)
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = &self.bytes[self.position..];
        let n = rest.iter().position(|byte| *byte == b'\n').ok_or(CUT_OFF)?;
        let line = self.take(n + 1)?;
        std::str::from_utf8(&line[..n]).map_err(|_| "a name that is not UTF-8".to_owned())
    }
}

const SHORT: &str = "it takes more from the stack than there is";
const CUT_OFF: &str = "the pickle is cut off";

/// `('storage', torch.FloatStorage, key, place, number of elements)`.
fn storage(id: &Value) -> Step<Value> {
    if let Value::Tuple(parts) = id
        && let [Value::Text(tag), Value::Global(class), Value::Text(key), ..] = &parts[..]
        && &**tag == "storage"
    {
        let class = class.strip_prefix("torch.").unwrap_or(class).into();
        let key = key.clone();
        return Ok(Value::Storage(Storage { class, key }));
    }
    Err("a persistent id that is no storage".to_owned())
}

fn call(function: &Value, arguments: &Value) -> Step<Value> {
    let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else {
        return Err("a call of what is no function".to_owned());
    };
    match (&**function, &arguments[..]) {
        ("collections.OrderedDict", []) => Ok(Value::Dict(Rc::default())),
        ("torch._utils._rebuild_parameter", [data, ..]) => Ok(data.clone()),
        (
            "torch._utils._rebuild_tensor_v2",
            [
                Value::Storage(storage),
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(strides),
                ..,
            ],
        ) => {
            let size = |value: i64| usize::try_from(value).map_err(|_| "a negative size");
            let sizes = |values: &[Value]| {
                values
                    .iter()
                    .map(|value| match value {
                        Value::Int(value) => Ok(size(*value)?),
                        _ => Err("a size that is no number".to_owned()),
                    })
                    .collect::<Step<Vec<usize>>>()
            };
            Ok(Value::Tensor(StridedTensor {
                storage: storage.clone(),
                offset: size(*offset)?,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            }))
        }
        (other, _) => Err(format!(
            "it asks to call `{other}`, which no state dict needs; nothing was executed"
        )),
    }
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
        check(b"", "cut off");
        check(b"\x80\x02}", "cut off");
        check(b"\x80\x02K\x01.", "no dictionary");
        check(b"\x80\x02}.", "holds no tensors");
        check(b"t.", "no mark");
        check(b"(0t.", "more from the stack");
        check(b"h\x05.", "reference to nothing");
        check(b"i", "instruction 0x69");
        check(b"X\xff\xff\xff\xff.", "cut off");
    }
}
