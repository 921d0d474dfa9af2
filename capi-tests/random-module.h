/* The WebAssembly modules of random.c: a plugin that holds references, and one that also stores and creates objects. */
#ifndef RANDOM_MODULE_H
#define RANDOM_MODULE_H

#define IMPORTS                                                                                          \
    " (type $f (func (result i32)))"                                                                     \
    " (import \"\" \"f\" (func $other (type $f)))"                                                       \
    " (import \"\" \"t\" (table $it 0 externref))"                                                       \
    " (import \"\" \"g\" (global $ig (mut externref)))"

#define PARTS                                                                                            \
    " (table $te (export \"te\") 4 600 externref)"                                                       \
    " (table $ta (export \"ta\") 4 600 anyref)"                                                          \
    " (table $tf (export \"tf\") 4 600 funcref) (elem (table $tf) (i32.const 3) func $id1)"              \
    " (global $ge (export \"ge\") (mut externref) (ref.null extern))"                                    \
    " (global $ga (export \"ga\") (mut anyref) (ref.null any))"                                          \
    " (global $gf (export \"gf\") (mut funcref) (ref.func $id))"                                         \
    " (global $number (mut i32) (i32.const 0))"                                                          \
    " (func (export \"init\") (param i32) (global.set $number (local.get 0)))"                           \
    " (func $id (export \"id\") (type $f) (global.get $number))"                                         \
    " (func $id1 (export \"id1\") (type $f) (i32.add (global.get $number) (i32.const 1)))"               \
    " (func (export \"other\") (type $f) (call $other))"

static const char *const PLUGIN = "(module" IMPORTS PARTS ")";

static const char *const MAIN =
    "(module"
    " (type $box (struct"
    "   (field (mut i32)) (field $a (mut anyref)) (field $e (mut externref)) (field $f (mut funcref))))"
    " (type $row (array (mut anyref)))"
    " (type $funcs (array (mut funcref)))" IMPORTS
    " (import \"\" \"c\" (func $callback (param externref anyref) (result externref anyref)))" PARTS
    " (func (export \"new box\") (param i32 anyref externref funcref) (result anyref)"
    "   (struct.new $box (local.get 0) (local.get 1) (local.get 2) (local.get 3)))"
    " (func (export \"new row\") (param i32 i32 anyref) (result anyref) (local $r (ref null $row))"
    "   (local.set $r (array.new $row (local.get 2) (local.get 1)))"
    "   (array.set $row (local.get $r) (i32.const 0) (ref.i31 (local.get 0))) (local.get $r))"
    " (func (export \"box a\") (param anyref anyref)"
    "   (struct.set $box $a (ref.cast (ref $box) (local.get 0)) (local.get 1)))"
    " (func (export \"box e\") (param anyref externref)"
    "   (struct.set $box $e (ref.cast (ref $box) (local.get 0)) (local.get 1)))"
    " (func (export \"box f\") (param anyref funcref)"
    "   (struct.set $box $f (ref.cast (ref $box) (local.get 0)) (local.get 1)))"
    " (func (export \"row set\") (param anyref anyref i32)"
    "   (array.set $row (ref.cast (ref $row) (local.get 0)) (local.get 2) (local.get 1)))"
    " (func (export \"funcs set\") (param anyref funcref i32)"
    "   (array.set $funcs (ref.cast (ref $funcs) (local.get 0)) (local.get 2) (local.get 1)))"
    " (func (export \"te set\") (param externref i32) (table.set $te (local.get 1) (local.get 0)))"
    " (func (export \"ta set\") (param anyref i32) (table.set $ta (local.get 1) (local.get 0)))"
    " (func (export \"tf set\") (param funcref i32) (table.set $tf (local.get 1) (local.get 0)))"
    " (func (export \"ge set\") (param externref) (global.set $ge (local.get 0)))"
    " (func (export \"ga set\") (param anyref) (global.set $ga (local.get 0)))"
    " (func (export \"gf set\") (param funcref) (global.set $gf (local.get 0)))"
    " (func (export \"it set\") (param externref i32) (table.set $it (local.get 1) (local.get 0)))"
    " (func (export \"ig set\") (param externref) (global.set $ig (local.get 0)))"
    /* The references in the frame are used after the callback. */
    " (func (export \"pass\") (param externref anyref) (result externref anyref externref anyref)"
    "   (local $e externref) (local $a anyref)"
    "   (call $callback (local.get 0) (local.get 1)) (local.set $a) (local.set $e)"
    "   (local.get 0) (local.get 1) (local.get $e) (local.get $a))"
    " (func (export \"pass func\") (param funcref) (result funcref)"
    "   (call $callback (ref.null extern) (ref.null any)) (drop) (drop) (local.get 0))"
    " (func (export \"call table\") (param i32) (result i32) (call_indirect $tf (type $f) (local.get 0)))"
    " (func (export \"call box\") (param anyref) (result i32)"
    "   (call_ref $f (ref.cast (ref $f) (struct.get $box $f (ref.cast (ref $box) (local.get 0))))))"
    " (func (export \"churn\") (param i32) (local $last anyref)"
    "   (loop (local.set $last (struct.new $box (i32.const 0) (local.get $last) (global.get $ge) (ref.null func)))"
    "     (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 9))) (then (local.set $last (ref.null any))))"
    "     (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))";

enum {
    NEW_BOX, NEW_ROW, BOX_A, BOX_E, BOX_F, ROW_SET, FUNCS_SET, TE_SET, TA_SET, TF_SET, GE_SET, GA_SET, GF_SET, IT_SET,
    IG_SET, PASS, PASS_FUNC, CALL_TABLE, CALL_BOX, CHURN, CALLS
};
static const char *const CALL_NAMES[CALLS] = {
    "new box", "new row", "box a", "box e", "box f", "row set", "funcs set", "te set", "ta set", "tf set", "ge set",
    "ga set", "gf set", "it set", "ig set", "pass", "pass func", "call table", "call box", "churn"};

#endif
