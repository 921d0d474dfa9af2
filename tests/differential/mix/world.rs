//! The types, tags, globals and tables that all modules of a program share.

use crate::builder::{EXN, nullable};
use crate::random::Random;
use crate::shape::Shape;
use wasm_encoder::*;

pub const EQ: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeapType::Eq };
const STRUCT: HeapType = HeapType::Abstract { shared: false, ty: AbstractHeapType::Struct };
pub const EXNREF: ValType = ValType::Ref(RefType { nullable: true, heap_type: EXN });
pub const ANYREF: ValType = ValType::Ref(RefType { nullable: true, heap_type: HeapType::ANY });

/// Globals that each program has, in this order; `World::globals` has their types.
pub const BUDGET: u32 = 0;
/// Tables, in this order.
pub const FUNCS: u32 = 0;
pub const OBJECTS: u32 = 1;
pub const EXCEPTIONS: u32 = 2;
/// Elements of the last two, powers of two.
pub const OBJECT_SLOTS: u32 = 8;
pub const EXCEPTION_SLOTS: u32 = 4;
/// Elements of the first, for each signature.
pub const FUNC_SLOTS: u32 = 4;

pub struct World {
    pub shape: Shape,
    /// Indices of types.
    pub structs: Vec<u32>,
    pub arrays: Vec<u32>,
    pub signatures: Vec<u32>,
    pub globals: Vec<ValType>,
    /// Whether the last tag is the one before it under another name, for modules that import both.
    pub same_tags: bool,
    /// Which tables have 64-bit indices.
    pub wide: [bool; 3],
}

pub fn concrete(index: u32, nullable: bool) -> ValType {
    ValType::Ref(RefType { nullable, heap_type: HeapType::Concrete(index) })
}

fn sub_type(inner: CompositeInnerType, supertype: Option<u32>) -> SubType {
    SubType {
        is_final: false,
        supertype_idxs: supertype.into_iter().collect(),
        composite_type: CompositeType { inner, shared: false, descriptor: None, describes: None },
    }
}

impl World {
    pub fn new(random: &mut Random) -> World {
        let counts = [2 + random.below(3), 2 + random.below(2), 3 + random.below(2), 2 + random.below(3)];
        let mut at = 0;
        let [structs, arrays, signatures, tags] = counts.map(|n| {
            at += n as u32;
            (at - n as u32..at).collect::<Vec<u32>>()
        });
        let mut world = World {
            shape: Shape::default(),
            structs,
            arrays,
            signatures,
            globals: Vec::new(),
            same_tags: false,
            wide: [false; 3],
        };
        world.same_tags = random.one_in(3);
        world.wide = [0; 3].map(|_| random.one_in(3));
        let mut types = Vec::new();
        for i in 0..counts[0] {
            types.push(world.random_struct(random, &types, i));
        }
        for i in 0..counts[1] {
            let element = match i {
                0 => StorageType::I8,
                1 => StorageType::Val(ANYREF),
                _ => world.storage(random, world.structs.len()),
            };
            types.push(sub_type(
                CompositeInnerType::Array(ArrayType(FieldType { element_type: element, mutable: true })),
                None,
            ));
        }
        // Few lists of results, so that many functions can tail-call each other.
        let results: Vec<Vec<ValType>> = (0..2).map(|i| world.list(random, i + 1)).collect();
        for i in 0..counts[2] {
            let params = world.list(random, 4);
            let results = results[i % 2].iter().copied();
            types.push(sub_type(CompositeInnerType::Func(FuncType::new(params, results)), None));
        }
        for i in 0..counts[3] {
            // One tag has no values, and one has an exception among its values.
            let mut params = world.list(random, if i == 0 { 0 } else { 3 });
            if i == 1 {
                params.push(EXNREF);
            }
            types.push(sub_type(CompositeInnerType::Func(FuncType::new(params, [])), None));
        }
        world.globals =
            vec![ValType::I32, ValType::I64, ANYREF, EXNREF, nullable(EQ), concrete(0, true), ValType::V128];
        for _ in 0..2 {
            world.globals.push(world.defaultable(random));
        }
        let tag = |t: &u32| TagType { kind: TagKind::Exception, func_type_idx: *t };
        world.shape.tags = tags.iter().map(tag).collect();
        if world.same_tags {
            let last = world.shape.tags.len() - 1;
            world.shape.tags[last] = world.shape.tags[last - 1];
        }
        world.shape.types = types.clone();
        world.shape.groups = vec![types];
        world
    }

    /// A structure, sometimes a subtype of an earlier one. Non-nullable references are to earlier types, so that each can be
    /// created.
    fn random_struct(&self, random: &mut Random, before: &[SubType], i: usize) -> SubType {
        let mut fields: Vec<FieldType> = Vec::new();
        let mut supertype = None;
        if i > 0 && random.one_in(2) {
            let parent = random.below(i);
            let CompositeInnerType::Struct(s) = &before[parent].composite_type.inner else { unreachable!() };
            fields = s.fields.to_vec();
            supertype = Some(parent as u32);
        }
        for _ in 0..1 + random.below(3) {
            fields.push(FieldType { element_type: self.storage(random, i), mutable: !random.one_in(5) });
        }
        sub_type(CompositeInnerType::Struct(StructType { fields: fields.into() }), supertype)
    }

    /// A field's type; references to structures with an index below `made` can be non-nullable.
    fn storage(&self, random: &mut Random, made: usize) -> StorageType {
        match random.below(12) {
            0 => StorageType::I8,
            1 => StorageType::I16,
            2 if made > 0 => StorageType::Val(concrete(random.below(made) as u32, false)),
            _ => StorageType::Val(self.defaultable(random)),
        }
    }

    /// A type with a default value (zero or null).
    pub fn defaultable(&self, random: &mut Random) -> ValType {
        let heap_type = match random.below(19) {
            0..3 => return ValType::I32,
            3 | 4 => return ValType::I64,
            5 => return ValType::F32,
            6 => return ValType::F64,
            7 => return ValType::V128,
            8 | 9 => HeapType::ANY,
            10 => EQ,
            11 => HeapType::I31,
            12..15 => HeapType::Concrete(*random.pick(&self.structs)),
            15 => HeapType::Concrete(*random.pick(&self.arrays)),
            16 => HeapType::Concrete(*random.pick(&self.signatures)),
            17 => HeapType::EXTERN,
            _ => EXN,
        };
        nullable(heap_type)
    }

    /// Any value type.
    pub fn any(&self, random: &mut Random) -> ValType {
        match random.below(8) {
            0 => concrete(*random.pick(&self.structs), false),
            1 => EXNREF,
            _ => self.defaultable(random),
        }
    }

    fn list(&self, random: &mut Random, most: usize) -> Vec<ValType> {
        (0..random.below(most + 1)).map(|_| self.any(random)).collect()
    }

    pub fn fields(&self, s: u32) -> &[FieldType] {
        match &self.shape.types[s as usize].composite_type.inner {
            CompositeInnerType::Struct(s) => &s.fields,
            _ => panic!("type {s} is no structure"),
        }
    }

    pub fn element(&self, a: u32) -> StorageType {
        match &self.shape.types[a as usize].composite_type.inner {
            CompositeInnerType::Array(a) => a.0.element_type,
            _ => panic!("type {a} is no array"),
        }
    }

    /// Tags after the shared ones are a module's own; their types are those of the shared ones.
    pub fn tag_params(&self, tag: u32) -> &[ValType] {
        let shared = &self.shape.tags[tag as usize % self.shape.tags.len()];
        self.shape.func_type(shared.func_type_idx).params()
    }

    fn is_struct(&self, t: u32) -> bool {
        (t as usize) < self.structs.len()
    }

    fn is_array(&self, t: u32) -> bool {
        self.arrays.contains(&t)
    }

    /// Whether every value of type `a` has type `b`. Covers only some of the specification's cases, and no others.
    pub fn matches(&self, a: ValType, b: ValType) -> bool {
        let (ValType::Ref(ra), ValType::Ref(rb)) = (a, b) else { return a == b };
        if ra.nullable && !rb.nullable {
            return false;
        }
        match (ra.heap_type, rb.heap_type) {
            (x, y) if x == y => true,
            (HeapType::Concrete(x), HeapType::Concrete(y)) => {
                let parent = self.shape.types[x as usize].supertype_idxs.first();
                parent.is_some_and(|p| self.matches(concrete(*p, false), concrete(y, false)))
            }
            (HeapType::Concrete(x), y) if self.is_struct(x) => y == HeapType::ANY || y == EQ || y == STRUCT,
            (HeapType::Concrete(x), y) if self.is_array(x) => y == HeapType::ANY || y == EQ,
            (HeapType::Concrete(_), y) => y == HeapType::FUNC,
            (HeapType::I31, y) => y == HeapType::ANY || y == EQ,
            (x, y) => x == EQ && y == HeapType::ANY,
        }
    }
}
