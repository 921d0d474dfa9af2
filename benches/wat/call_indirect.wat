;; A million call_indirect a round, of eight functions.
(module
  (type $f (func (param i32) (result i32)))
  (table $t funcref (elem $add $xor $mul $shr $sub $rotl $or $twice))
  (func $add (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func $xor (type $f) (i32.xor (local.get 0) (i32.const 3)))
  (func $mul (type $f) (i32.mul (local.get 0) (i32.const 5)))
  (func $shr (type $f) (i32.shr_u (local.get 0) (i32.const 1)))
  (func $sub (type $f) (i32.sub (local.get 0) (i32.const 9)))
  (func $rotl (type $f) (i32.rotl (local.get 0) (i32.const 3)))
  (func $or (type $f) (i32.or (local.get 0) (i32.const 8)))
  (func $twice (type $f) (i32.add (local.get 0) (local.get 0)))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $x i32)
    (loop $round
      (local.set $i (i32.const 1000000))
      (loop $in
        (local.set $x (call_indirect $t (type $f) (local.get $x) (i32.and (local.get $i) (i32.const 7))))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $x)))
