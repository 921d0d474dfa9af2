;; A million times a round: ref.func into a global, and call_ref of what the global holds.
(module
  (type $f (func (param i32) (result i32)))
  (elem declare func $add $xor)
  (global $g (mut (ref null $f)) (ref.null $f))
  (func $add (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func $xor (type $f) (i32.xor (local.get 0) (i32.const 5)))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $x i32)
    (loop $round
      (local.set $i (i32.const 1000000))
      (loop $in
        (if (i32.and (local.get $x) (i32.const 1))
          (then (global.set $g (ref.func $add)))
          (else (global.set $g (ref.func $xor))))
        (local.set $x (call_ref $f (local.get $x) (global.get $g)))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $x)))
