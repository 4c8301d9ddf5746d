//! Whole values: which form each kind of value prints in.

use super::{MAX_DEPTH, Printer};
use crate::object::{Form, ObjectRef};
use crate::types::Type;
use crate::value::{Str, Value};

/// Go prints where a pointer points; here every place is this one.
const ADDRESS: u64 = 0xc0_0000_0000;

impl Printer<'_> {
    /// Prints an argument of `printf`.
    pub(super) fn argument(&mut self, value: &Value<'_>, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.padded(b"<nil>"),
            (Value::Nil, _) => self.complain(None, verb),
            (_, 'T') => {
                self.string_verb(value.type_name().as_bytes(), 's');
            }
            (_, 'p') => self.pointer(value, 'p'),
            (Value::Bytes(bytes), _) => self.bytes(bytes, verb, "[]byte"),
            _ => {
                if !self.by_method(value, verb) {
                    self.value(value, verb, 0);
                }
            }
        }
    }

    /// Prints `%!verb(type=value)`.
    pub(super) fn complain(&mut self, value: Option<&Value<'_>>, verb: char) {
        self.complaining = true;
        self.raw(&format!("%!{verb}("));
        match value {
            Some(value) => {
                self.raw(&value.type_name());
                self.out.push(b'=');
                self.argument(value, 'v');
            }
            None => self.raw("<nil>"),
        }
        self.out.push(b')');
        self.complaining = false;
    }

    pub(super) fn string(&mut self, text: &[u8], verb: char) {
        if !self.string_verb(text, verb) {
            self.complain(Some(&Value::string(text)), verb);
        }
    }

    /// Prints a value inside another: by its methods first.
    fn inner(&mut self, value: Value<'_>, verb: char, depth: usize, declared: &Type) {
        if self.full() || depth > MAX_DEPTH {
            return;
        }
        let value = value.boxed();
        match (&value, declared) {
            (Value::Nil, Type::Any | Type::Error) if self.flags.sharp_v => self.raw(&format!("{declared}(nil)")),
            (Value::Nil, _) => self.raw("<nil>"),
            _ => {
                if !self.by_method(&value, verb) {
                    self.value(&value, verb, depth);
                }
            }
        }
    }

    fn value(&mut self, value: &Value<'_>, verb: char, depth: usize) {
        let known = match value {
            Value::Nil => {
                self.raw("<nil>");
                true
            }
            Value::Bool(value) => self.bool(*value, verb),
            Value::Int(value, _) => self.integer(value.unsigned_abs(), *value < 0, true, verb),
            Value::Uint(value, _) => self.integer(*value, false, false, verb),
            Value::Float(value, ty) => self.float(*value, ty.kind.bits(), verb),
            Value::Complex(re, im) => self.complex(*re, *im, verb),
            Value::Str(text, _) => self.string_verb(text, verb),
            Value::Bytes(bytes) => {
                match verb {
                    's' | 'q' | 'x' | 'X' => self.bytes(bytes, verb, "[]uint8"),
                    _ => self.byte_list(bytes, verb, depth),
                }
                true
            }
            Value::List(list) => {
                let items = list.iter();
                self.sequence(list.is_nil(), &Type::Slice(list.elem()), list.elem(), items, verb, depth);
                true
            }
            Value::Map(map) => {
                self.map(map, verb, depth);
                true
            }
            Value::Object(object, Form::Pointer) if depth == 0 => {
                self.out.push(b'&');
                let pointee = Value::Object(object.clone(), Form::Copy);
                self.inner(pointee, verb, depth + 1, &Type::Struct(object.get().struct_type()));
                true
            }
            Value::Object(object, form) if *form != Form::Pointer => {
                self.structure(object, verb, depth);
                true
            }
            Value::Error(text) if depth == 0 => {
                self.raw("&{");
                self.string(text, verb);
                self.out.push(b'}');
                true
            }
            Value::Object(..) | Value::Pointer(_) | Value::NilPointer(_) | Value::Function(_) | Value::Error(_) => {
                self.pointer(value, verb);
                true
            }
        };
        if !known {
            self.complain(Some(value), verb);
        }
    }

    fn pointer(&mut self, value: &Value<'_>, verb: char) {
        let address = match value {
            Value::NilPointer(_) => 0,
            Value::List(list) if list.is_nil() => 0,
            Value::Map(map) if map.is_nil() => 0,
            Value::Object(_, Form::Pointer)
            | Value::Pointer(_)
            | Value::Function(_)
            | Value::Error(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Bytes(_) => ADDRESS,
            _ => return self.complain(Some(value), verb),
        };
        match verb {
            'v' if self.flags.sharp_v => {
                self.raw(&format!("({})(", value.type_name()));
                match address {
                    0 => self.raw("nil"),
                    _ => self.prefixed_hex(address, true),
                }
                self.out.push(b')');
            }
            'v' if address == 0 => self.padded(b"<nil>"),
            'v' | 'p' => {
                let prefix = !self.flags.sharp;
                self.prefixed_hex(address, prefix);
            }
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.integer(address, false, false, verb);
            }
            _ => self.complain(Some(value), verb),
        }
    }

    fn bytes(&mut self, bytes: &Str<'_>, verb: char, name: &str) {
        match verb {
            'v' | 'd' if self.flags.sharp_v => {
                self.raw(name);
                self.out.push(b'{');
                for (i, byte) in bytes.iter().enumerate() {
                    self.raw(if i > 0 { ", " } else { "" });
                    self.prefixed_hex((*byte).into(), true);
                }
                self.out.push(b'}');
            }
            'v' | 'd' => self.byte_list(bytes, 'd', 0),
            's' | 'q' | 'x' | 'X' => {
                self.string_verb(bytes, verb);
            }
            _ => self.byte_list(bytes, verb, 0),
        }
    }

    fn byte_list(&mut self, bytes: &Str<'_>, verb: char, depth: usize) {
        let elem = &Type::UINT8;
        let items = bytes.iter().map(|byte| Value::Uint((*byte).into(), &crate::types::UINT8));
        self.sequence(false, &Type::BYTES, elem, items, verb, depth);
    }

    fn sequence<'a>(&mut self, nil: bool, ty: &Type, elem: &Type, items: impl Iterator<Item = Value<'a>>, verb: char, depth: usize) {
        let (open, between, close) = self.brackets();
        if self.flags.sharp_v {
            self.raw(&ty.to_string());
            if nil {
                return self.raw("(nil)");
            }
        }
        self.raw(open);
        for (i, item) in items.enumerate() {
            self.raw(if i > 0 { between } else { "" });
            self.inner(item, verb, depth + 1, elem);
            if self.full() {
                return;
            }
        }
        self.raw(close);
    }

    fn brackets(&self) -> (&'static str, &'static str, &'static str) {
        if self.flags.sharp_v { ("{", ", ", "}") } else { ("[", " ", "]") }
    }

    fn map(&mut self, map: &crate::value::Map<'_>, verb: char, depth: usize) {
        let (open, between, close) = self.brackets();
        if self.flags.sharp_v {
            self.raw(&Type::Map(map.elem()).to_string());
            if map.is_nil() {
                return self.raw("(nil)");
            }
        } else {
            self.raw("map");
        }
        self.raw(open);
        for (i, (key, value)) in map.entries().into_iter().enumerate() {
            self.raw(if i > 0 { between } else { "" });
            self.inner(Value::string(key), verb, depth + 1, &Type::STRING);
            self.out.push(b':');
            self.inner(value, verb, depth + 1, map.elem());
            if self.full() {
                return;
            }
        }
        self.raw(close);
    }

    fn structure(&mut self, object: &ObjectRef<'_>, verb: char, depth: usize) {
        let ty = object.get().struct_type();
        if self.flags.sharp_v {
            self.raw(ty.name);
        }
        self.out.push(b'{');
        let between = if self.flags.sharp_v { ", " } else { " " };
        for (i, field) in ty.fields.iter().enumerate() {
            self.raw(if i > 0 { between } else { "" });
            if self.flags.plus_v || self.flags.sharp_v {
                self.raw(field.name);
                self.out.push(b':');
            }
            self.inner(object.field(i), verb, depth + 1, &field.ty);
            if self.full() {
                return;
            }
        }
        self.out.push(b'}');
    }
}
