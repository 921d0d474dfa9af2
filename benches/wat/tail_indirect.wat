;; A million return_call_indirect a round, of two functions in turn.
(module
  (type $f (func (param i32 i32) (result i32)))
  (table $t funcref (elem $even $odd))
  (func $even (type $f) (param $n i32) (param $x i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (local.get $x))))
    (return_call_indirect $t (type $f)
      (i32.sub (local.get $n) (i32.const 1)) (i32.add (local.get $x) (local.get $n)) (i32.and (local.get $n) (i32.const 1))))
  (func $odd (type $f) (param $n i32) (param $x i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (local.get $x))))
    (return_call_indirect $t (type $f)
      (i32.sub (local.get $n) (i32.const 1)) (i32.xor (local.get $x) (local.get $n)) (i32.and (local.get $n) (i32.const 1))))
  (func (export "run") (param $rounds i32) (result i32) (local $x i32)
    (loop $round
      (local.set $x (call $even (i32.const 1000000) (local.get $x)))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $x)))
