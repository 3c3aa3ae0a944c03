//! The instructions of a pickle. Source: CPython `Lib/pickletools.py`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::value::{Items, Value};

/// More values at a time than the pickles of any honest program leave unfinished.
const MAX_STACK: usize = 1 << 20;

/// Which calls a pickle may ask for, and what they stand for.
pub trait Objects {
    type Object: Clone;

    /// What is read, for messages: `state dict`.
    const WHAT: &'static str;

    /// Answers a call of the dotted name `function`; `None` refuses it.
    ///
    /// # Errors
    /// When the arguments are none of its.
    fn call(
        function: &str,
        arguments: &[Value<Self::Object>],
    ) -> Option<Result<Value<Self::Object>, String>>;

    /// What stands for an object that lies outside of the pickle.
    ///
    /// # Errors
    /// When there is no such thing.
    fn persistent(_id: &Value<Self::Object>) -> Result<Value<Self::Object>, String> {
        Err("it refers to an object outside of the pickle".to_owned())
    }

    /// Sets the state of an object.
    ///
    /// # Errors
    /// When it has none, or not this.
    fn set_state(
        _object: &Value<Self::Object>,
        _state: &Value<Self::Object>,
    ) -> Result<(), String> {
        Err("it sets attributes of an object".to_owned())
    }
}

/// The value that `bytes` build.
///
/// # Errors
/// What is wrong, with the position of the instruction.
pub fn load<T: Objects>(bytes: &[u8]) -> Result<Value<T::Object>, String> {
    let mut machine = Machine::<T> {
        bytes,
        position: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    machine
        .run()
        .map_err(|detail| format!("pickle, byte {}: {detail}", machine.position))
}

struct Machine<'a, T: Objects> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value<T::Object>>,
    /// Heights of the stack at which a mark stands.
    marks: Vec<usize>,
    memo: BTreeMap<usize, Value<T::Object>>,
}

type Step<T> = Result<T, String>;

impl<'a, T: Objects> Machine<'a, T> {
    fn run(&mut self) -> Step<Value<T::Object>> {
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
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            0x8a => self.push_long()?,
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.stack.push(Value::Float(value));
            }
            b'X' => self.push_text(4)?,
            0x8c | b'U' => self.push_text(1)?,
            b'C' => self.push_bytes(1)?,
            b'B' => self.push_bytes(4)?,
            // Bytes and a bytearray with eight bytes of length.
            0x8e | 0x96 => self.push_bytes(8)?,
            b'}' => self.stack.push(Value::Dict(Rc::default())),
            b']' => self.stack.push(Value::List(Rc::default())),
            b')' => self.push_tuple(Vec::new())?,
            0x85..=0x87 => {
                let n = usize::from(instruction - 0x84);
                let at = self.stack.len().checked_sub(n).ok_or(SHORT)?;
                let items = self.stack.split_off(at);
                self.push_tuple(items)?;
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push_tuple(items)?;
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
                self.push_global(module, name);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err("a global without a name".to_owned());
                };
                self.push_global(&module, &name);
            }
            b'Q' => {
                let id = self.pop()?;
                self.stack.push(T::persistent(&id)?);
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.call(&function, &arguments)?;
                self.stack.push(value);
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.stack.last().ok_or(SHORT)?;
                T::set_state(object, &state)?;
            }
            other => {
                return Err(format!(
                    "instruction 0x{other:02x} is none of a {}'s",
                    T::WHAT
                ));
            }
        }
        Ok(())
    }

    fn call(
        &self,
        function: &Value<T::Object>,
        arguments: &Value<T::Object>,
    ) -> Step<Value<T::Object>> {
        let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else {
            return Err("a call of what is no function".to_owned());
        };
        T::call(function, &arguments.values()).unwrap_or_else(|| {
            Err(format!(
                "it asks to call `{function}`, which no {} needs; nothing was executed",
                T::WHAT
            ))
        })
    }

    fn push_global(&mut self, module: &str, name: &str) {
        let name = format!("{module}.{name}").into();
        self.stack.push(Value::Global(name));
    }

    fn push_tuple(&mut self, items: Vec<Value<T::Object>>) -> Step<()> {
        self.stack.push(Value::Tuple(Items::new(items)?));
        Ok(())
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

    fn push_bytes(&mut self, n_bytes: usize) -> Step<()> {
        let n = self.length(n_bytes)?;
        let bytes = self.take(n)?;
        self.stack.push(Value::Bytes(bytes.into()));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<Value<T::Object>>) -> Step<()> {
        match self.stack.last() {
            Some(Value::List(list)) => list.extend(items),
            _ => Err("items for what is no list".to_owned()),
        }
    }

    fn extend_dict(&mut self, items: Vec<Value<T::Object>>) -> Step<()> {
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return Err("items for what is no dictionary".to_owned());
        };
        if !items.len().is_multiple_of(2) {
            return Err("a key without a value".to_owned());
        }
        dict.extend(items)
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

    fn pop(&mut self) -> Step<Value<T::Object>> {
        self.stack.pop().ok_or_else(|| SHORT.to_owned())
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value<T::Object>>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;

    impl Objects for Plain {
        type Object = ();
        const WHAT: &'static str = "plain value";

        fn call(_: &str, _: &[Value<()>]) -> Option<Result<Value<()>, String>> {
            None
        }
    }

    #[test]
    fn calls_are_named_and_not_made() {
        // What `pickle.dumps` makes of an object whose `__reduce__` gives `os.system, ("true",)`.
        let pickle = b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03.";
        let error = load::<Plain>(pickle).unwrap_err();
        assert!(error.contains("`posix.system`"), "{error}");
        assert!(error.contains("nothing was executed"), "{error}");
    }

    #[test]
    fn rubbish_is_an_error() {
        let check = |bytes: &[u8], expected: &str| {
            let error = load::<Plain>(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "cut off");
        check(b"\x80\x02}", "cut off");
        check(b"t.", "no mark");
        check(b"(0t.", "more from the stack");
        check(b"h\x05.", "reference to nothing");
        check(b"i", "instruction 0x69");
        check(b"X\xff\xff\xff\xff.", "cut off");
        check(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "cut off");
        check(b"]q\x00h\x00a.", "nested without end");
    }

    #[test]
    fn endless_nesting_is_an_error() {
        let mut tuples = b")".to_vec();
        tuples.extend([0x85].repeat(1 << 20));
        tuples.push(b'.');
        let error = load::<Plain>(&tuples).unwrap_err();
        assert!(error.contains("nested without end"), "{error}");
        // From the outside to the inside: each list goes into the last before it is filled.
        let mut lists = b"]q\x00".to_vec();
        for n in 0..2_u32 {
            lists.push(b'j');
            lists.extend(n.to_le_bytes());
            lists.push(b']');
            lists.push(b'r');
            lists.extend((n + 1).to_le_bytes());
            lists.push(b'a');
        }
        lists.push(b'.');
        let error = load::<Plain>(&lists).unwrap_err();
        assert!(error.contains("in another already"), "{error}");
    }

    #[test]
    fn plain_values_are_read() {
        // `pickle.dumps({"a": [1, -2, 2**40, 1.5, True, None, b"x"]}, 4)`, without its frame.
        let pickle = b"\x80\x04}\x94\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\
                       \x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00\x88NC\x01x\x94es.";
        let value = load::<Plain>(pickle).unwrap();
        let list = value.get("a").unwrap();
        let shown = format!("{:?}", list.items().unwrap().values());
        assert_eq!(
            shown,
            "[Int(1), Int(-2), Int(1099511627776), Float(1.5), Bool(true), None, Bytes([120])]"
        );
        assert!(value.get("b").is_none());
    }
}
