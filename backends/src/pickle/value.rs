//! What a pickle builds.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

/// Deeper nesting than any of the files that are read here has. Values are dropped by
/// recursion, so that a bound is needed.
const MAX_DEPTH: usize = 100;

/// A Python value; `O` is what calls make.
#[derive(Clone, Debug)]
pub enum Value<O> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Tuple(Rc<Items<O>>),
    List(Rc<Items<O>>),
    /// Keys and values in turns.
    Dict(Rc<Items<O>>),
    /// A function or class, by its dotted name.
    Global(Rc<str>),
    Object(O),
}

/// The values in a container. One that is in another container does not grow any more: then
/// the depth is known, and no container holds itself.
#[derive(Debug)]
pub struct Items<O> {
    values: RefCell<Vec<Value<O>>>,
    depth: Cell<usize>,
    is_inside: Cell<bool>,
}

impl<O> Default for Items<O> {
    fn default() -> Self {
        Self {
            values: RefCell::default(),
            depth: Cell::new(1),
            is_inside: Cell::new(false),
        }
    }
}

impl<O> Items<O> {
    pub(super) fn new(values: Vec<Value<O>>) -> Result<Rc<Self>, String> {
        let items = Self::default();
        items.extend(values)?;
        Ok(Rc::new(items))
    }

    pub(super) fn extend(&self, values: Vec<Value<O>>) -> Result<(), String> {
        if values.is_empty() {
            return Ok(());
        }
        if self.is_inside.get() {
            return Err("it adds to a container that is in another already".to_owned());
        }
        for value in &values {
            if let Some(items) = value.items() {
                items.is_inside.set(true);
                self.depth.set(self.depth.get().max(items.depth.get() + 1));
            }
        }
        if self.depth.get() > MAX_DEPTH || self.is_inside.get() {
            return Err("containers nested without end".to_owned());
        }
        self.values.borrow_mut().extend(values);
        Ok(())
    }

    pub fn values(&self) -> Ref<'_, Vec<Value<O>>> {
        self.values.borrow()
    }
}

impl<O> Value<O> {
    /// Those of a container.
    pub fn items(&self) -> Option<&Items<O>> {
        match self {
            Self::Tuple(items) | Self::List(items) | Self::Dict(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a key of a dictionary.
    pub fn get(&self, key: &str) -> Option<Self>
    where
        O: Clone,
    {
        let Self::Dict(items) = self else {
            return None;
        };
        let values = items.values();
        let pairs = values.chunks_exact(2);
        pairs
            .filter(|pair| matches!(&pair[0], Self::Text(text) if &**text == key))
            .map(|pair| pair[1].clone())
            .next_back()
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Text(_) => "a str",
            Self::Bytes(_) => "bytes",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a function or class",
            Self::Object(_) => "an object",
        }
    }
}
