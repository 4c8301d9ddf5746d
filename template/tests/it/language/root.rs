//! The value the recorded templates ran on, and the functions they had.

use std::collections::BTreeMap;
use std::rc::Rc;

use herald_template::go::time::{Location, Time};
use herald_template::types::{self, Kind, Method, OnNil, Pointee, Results, Scalar, Type};
use herald_template::{Form, FuncError, Function, Functions, Map, Object, Str, ToValue, Value, clock, go_struct};

/// Templates that differ on purpose, and why.
pub(crate) const DIFFERENCES: &[(&str, &str)] = &[];

/// A field whose Go type is not the obvious one of its Rust type.
macro_rules! field {
    ($name:ident($rust:ty): $ty:expr, $value:expr) => {
        #[derive(Clone)]
        pub(crate) struct $name($rust);

        impl ToValue for $name {
            const TYPE: Type = $ty;

            fn to_value(&self) -> Value<'_> {
                let value: fn(&$rust) -> Value<'_> = $value;
                value(&self.0)
            }
        }
    };
}

static LOUD: Scalar =
    Scalar { name: "main.Loud", kind: Kind::String, methods: &[Method::new("String", &[], Type::STRING)], call: Some(loud_string) };
static PLAIN: Scalar = Scalar::new("main.Plain", Kind::String);

fn loud_string<'a>(value: &Value<'a>, _method: &str, _args: &[Value<'a>]) -> Result<Value<'a>, FuncError> {
    let text = String::from_utf8_lossy(value.as_str().unwrap_or_default()).to_uppercase();
    Ok(Value::string(text + "!"))
}

field!(Loud(String): Type::Scalar(&LOUD), |text| Value::Str(text.into(), &LOUD));
field!(Plain(String): Type::Scalar(&PLAIN), |text| Value::Str(text.into(), &PLAIN));
field!(Integer(i64): Type::INT, |value| Value::int(*value));
field!(Int8(i8): Type::Scalar(&types::INT8), |value| Value::Int((*value).into(), &types::INT8));
field!(Uint8(u8): Type::UINT8, |value| Value::Uint((*value).into(), &types::UINT8));
field!(Uint64(u64): Type::Scalar(&types::UINT64), |value| Value::Uint(*value, &types::UINT64));
field!(Float32(f32): Type::Scalar(&types::FLOAT32), |value| Value::Float((*value).into(), &types::FLOAT32));
field!(Bytes(Vec<u8>): Type::BYTES, |bytes| Value::Bytes(bytes.as_slice().into()));
field!(Anys(()): Type::LIST, |()| Value::list(vec![
    Value::int(1),
    "x".into(),
    Value::Nil,
    Value::float64(2.5),
    Value::list(vec![true.into()])
]));
field!(Dict(()): Type::DICT, |()| Value::dict([
    ("k", "v".into()),
    ("n", Value::Nil),
    ("m", Value::dict([("x", Value::int(1))]))
]));
field!(Anything(Option<Inner>): Type::Any, |inner| match inner {
    Some(inner) => Value::nested(inner).boxed(),
    None => Value::Nil,
});
field!(Span(i64): Type::Scalar(&clock::DURATION), |nanoseconds| Value::duration(*nanoseconds));

#[derive(Clone)]
pub(crate) struct Inner {
    name: String,
    n: Integer,
    hidden: Integer,
}

go_struct! {
    static INNER = "main.Inner" for Inner;
    fields: [
        plain Name = name, Name("Name");
        plain N = n, Name("N");
        plain hidden = hidden, Skip;
    ]
    methods: &[
        Method::new("Anything", &[], Type::Any),
        Method::new("Fails", &[], Type::STRING),
        Method::unusable("Nothing", &[], Results::Unusable(0)),
        Method::on_pointer("OnPointer", &[], Type::STRING),
        Method::new("OnValue", &[], Type::STRING),
        Method::new("Plus", &[Type::INT, Type::INT], Type::INT),
        Method::new("Self", &[], Type::Pointer(Pointee::Struct(&INNER))),
        Method::unusable("Two", &[], Results::SecondNotError("int")),
    ];
    call: |inner, method, args| Ok(match (method, args) {
        ("Anything", _) => inner.name.to_value(),
        ("Fails", _) => return Err("no luck".into()),
        ("OnPointer", _) => Value::string(format!("p:{}", inner.name)),
        ("OnValue", _) => Value::string(format!("v:{}", inner.name)),
        ("Plus", [Value::Int(a, _), Value::Int(b, _)]) => Value::int(inner.n.0 + a + b),
        ("Self", _) => Value::shared_pointer(Rc::new(inner.clone())),
        _ => return Err("no such method".into()),
    });
}

#[derive(Clone)]
pub(crate) struct Text {
    a: String,
    b: String,
}

go_struct! {
    static TEXT = "main.Text" for Text;
    fields: [
        plain A = a, Name("A");
        plain B = b, Name("B");
    ]
    methods: &[Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Fail)];
    call: |text, _method, _args| Ok(Value::string(format!("<{},{}>", text.a, text.b)));
}

#[derive(Clone)]
pub(crate) struct Deep {
    text: Text,
    list: Option<Vec<Text>>,
    map: Option<BTreeMap<String, Text>>,
    pointer: Option<Text>,
}

go_struct! {
    static DEEP = "main.Deep" for Deep;
    fields: [
        plain Text = text, Name("Text");
        plain List = list, Name("List");
        plain Map = map, Name("Map");
        plain Ptr = pointer, Name("Ptr");
    ]
    methods: &[];
    call: |_deep, method, _args| Err(format!("no method {method}").into());
}

#[derive(Clone)]
pub(crate) struct Root {
    inner: Inner,
    s: String,
    b: bool,
    i: Integer,
    i8: Int8,
    u8: Uint8,
    u64: Uint64,
    f: f64,
    f32: Float32,
    bytes: Bytes,
    strings: Option<Vec<String>>,
    nils: Option<Vec<String>>,
    anys: Anys,
    m: Option<BTreeMap<String, Integer>>,
    dict: Dict,
    nil_map: Option<BTreeMap<String, String>>,
    p: Option<Inner>,
    nil_inner: Option<Inner>,
    nil_text: Option<Text>,
    pointer: Option<i64>,
    nil_pointer: Option<i64>,
    any: Anything,
    nil_any: Anything,
    span: Span,
    time: Time,
    loud: Loud,
    plain: Plain,
    text: Text,
    deep: Deep,
    inner2: Inner,
}

go_struct! {
    pub(crate) static ROOT = "main.Root" for Root;
    fields: [
        embedded Inner = inner, Inline;
        plain S = s, Name("S");
        plain B = b, Name("B");
        plain I = i, Name("I");
        plain I8 = i8, Name("I8");
        plain U8 = u8, Name("U8");
        plain U64 = u64, Name("U64");
        plain F = f, Name("F");
        plain F32 = f32, Name("F32");
        plain Bytes = bytes, Name("Bytes");
        plain Strs = strings, Name("Strs");
        plain Nils = nils, Name("Nils");
        plain Anys = anys, Name("Anys");
        plain M = m, Name("M");
        plain MA = dict, Name("MA");
        plain NilM = nil_map, Name("NilM");
        plain P = p, Name("P");
        plain NilP = nil_inner, Name("NilP");
        plain NilT = nil_text, Name("NilT");
        plain PI = pointer, Name("PI");
        plain NilPI = nil_pointer, Name("NilPI");
        plain Any = any, Name("Any");
        plain NilA = nil_any, Name("NilA");
        plain Dur = span, Name("Dur");
        plain Time = time, Name("Time");
        plain Loud = loud, Name("Loud");
        plain Plain = plain, Name("Plain");
        plain Text = text, Name("Text");
        plain Deep = deep, Name("Deep");
        plain Inner2 = inner2, Name("Inner2");
    ]
    methods: &[];
    call: |_root, method, _args| Err(format!("no method {method}").into());
}

fn inner(name: &str, n: i64, hidden: i64) -> Inner {
    Inner { name: name.to_owned(), n: Integer(n), hidden: Integer(hidden) }
}

fn text(a: &str, b: &str) -> Text {
    Text { a: a.to_owned(), b: b.to_owned() }
}

impl Root {
    pub(crate) fn example() -> Self {
        Self {
            inner: inner("in", 7, 1),
            s: "héllo".to_owned(),
            b: true,
            i: Integer(-5),
            i8: Int8(-128),
            u8: Uint8(200),
            u64: Uint64(1 << 63),
            f: 2.5,
            f32: Float32(0.1),
            bytes: Bytes(b"b\x00\xc3\xa9\xff".to_vec()),
            strings: Some(vec!["a".to_owned(), "b c".to_owned()]),
            nils: None,
            anys: Anys(()),
            m: Some([("b".to_owned(), Integer(2)), ("a".to_owned(), Integer(1))].into()),
            dict: Dict(()),
            nil_map: None,
            p: Some(inner("ptr", 9, 2)),
            nil_inner: None,
            nil_text: None,
            pointer: Some(42),
            nil_pointer: None,
            any: Anything(Some(inner("any", 3, 4))),
            nil_any: Anything(None),
            span: Span(90_000_000_000),
            time: Time::date_of(2024, 2, 29, 12, 0, 1, 5000, Location::Utc),
            loud: Loud("loud".to_owned()),
            plain: Plain("plain".to_owned()),
            text: text("x", "y"),
            deep: Deep {
                text: text("1", "2"),
                list: Some(vec![text("3", "4")]),
                map: Some([("k".to_owned(), text("5", "6"))].into()),
                pointer: None,
            },
            inner2: inner("two", 2, 2),
        }
    }
}

const POINTER: Type = Type::Pointer(Pointee::Struct(&INNER));

static FUNCTIONS: &[Function] = &[
    Function::new("str", &[Type::STRING], Type::STRING, first),
    Function::new("add", &[Type::INT, Type::INT], Type::INT, |_, args| match args {
        [Value::Int(a, _), Value::Int(b, _)] => Ok(Value::int(a.wrapping_add(*b))),
        _ => Err("bad".into()),
    }),
    Function::new("fail", &[Type::STRING], Type::STRING, |_, args| Err(args[0].to_string().into())),
    Function::new("any", &[Type::Any], Type::Any, first),
    Function::variadic("vari", &[Type::STRING, Type::INT], Type::STRING, |_, args| {
        let numbers: Vec<String> = args[1..].iter().map(ToString::to_string).collect();
        Ok(Value::string(format!("{}[{}]", args[0], numbers.join(" "))))
    }),
    Function::new("u8", &[Type::UINT8], Type::UINT8, first),
    Function::new("i8", &[Type::Scalar(&types::INT8)], Type::Scalar(&types::INT8), first),
    Function::new("flt", &[Type::FLOAT64], Type::FLOAT64, first),
    Function::new("boo", &[Type::BOOL], Type::BOOL, first),
    Function::variadic("list", &[Type::Any], Type::LIST, |_, args| Ok(Value::list(args.to_vec()))),
    Function::variadic("dict", &[Type::Any], Type::DICT, |_, args| {
        let entries = args.chunks_exact(2).map(|pair| (Str::from(pair[0].to_string()), pair[1].clone()));
        Ok(Value::Map(Map::new(&Type::Any, entries)))
    }),
    Function::new("strs", &[Type::STRINGS], Type::INT, length),
    Function::new("anys", &[Type::LIST], Type::INT, length),
    Function::new("smap", &[Type::Map(&Type::INT)], Type::INT, length),
    Function::new("ptr", &[POINTER], Type::STRING, name),
    Function::new("val", &[Type::Struct(&INNER)], Type::STRING, name),
    Function::new("nilany", &[], Type::Any, |_, _| Ok(Value::Nil)),
    Function::new("plain", &[Type::Scalar(&PLAIN)], Type::Scalar(&PLAIN), first),
];

pub(crate) fn functions() -> Functions {
    Functions::new().with(FUNCTIONS.iter().copied())
}

fn first<'a>(_context: &mut herald_template::Context<'_>, args: &mut [Value<'a>]) -> Result<Value<'a>, FuncError> {
    Ok(std::mem::take(&mut args[0]))
}

fn length<'a>(_context: &mut herald_template::Context<'_>, args: &mut [Value<'a>]) -> Result<Value<'a>, FuncError> {
    Ok(Value::int(match &args[0] {
        Value::List(list) => i64::try_from(list.len()).unwrap(),
        Value::Map(map) => i64::try_from(map.len()).unwrap(),
        _ => -1,
    }))
}

/// Panics in Go for a nil pointer; the recorded text is the runtime's.
fn name<'a>(_context: &mut herald_template::Context<'_>, args: &mut [Value<'a>]) -> Result<Value<'a>, FuncError> {
    match &args[0] {
        Value::Object(object, Form::Pointer | Form::Addressable | Form::Copy) => Ok(object.field(0)),
        _ => Err("runtime error: invalid memory address or nil pointer dereference".into()),
    }
}

/// The root is described as it is.
#[test]
fn the_root_names_its_type() {
    assert_eq!(Root::example().struct_type().name, "main.Root");
}
