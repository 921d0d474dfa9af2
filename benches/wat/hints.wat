;; Sums of 8192 numbers in LEB128, nearly all of one byte, with branches that hardly ever are taken; $rounds of them. Each says so by a hint.
(module
  (memory 1)
  (func $decode (result i32) (local $at i32) (local $byte i32) (local $value i32) (local $shift i32) (local $sum i32)
    (loop $next
      (local.set $value (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (i32.and (local.get $value) (i32.const 128))
      (@metadata.code.branch_hint "\00")
      if
        (local.set $value (i32.and (local.get $value) (i32.const 127)))
        (local.set $shift (i32.const 7))
        (loop $more
          (local.set $byte (i32.load8_u (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $value (i32.or (local.get $value) (i32.shl (i32.and (local.get $byte) (i32.const 127)) (local.get $shift))))
          (local.set $shift (i32.add (local.get $shift) (i32.const 7)))
          (br_if $more (i32.and (local.get $byte) (i32.const 128))))
      end
      (i32.eq (local.get $value) (i32.const 99))
      (@metadata.code.branch_hint "\00")
      if
        (local.set $sum (i32.rotl (local.get $sum) (i32.const 3)))
        (local.set $sum (i32.xor (local.get $sum) (i32.const 0x5bd1e995)))
      end
      (i32.lt_s (local.get $sum) (i32.const 0))
      (@metadata.code.branch_hint "\00")
      if
        (local.set $sum (i32.and (i32.add (i32.mul (local.get $sum) (i32.const 5)) (i32.const 1)) (i32.const 0xffff)))
      end
      (local.set $sum (i32.add (local.get $sum) (local.get $value)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 8192))))
    (local.get $sum))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $sum i32)
    (loop $fill
      (i32.store8 (local.get $i) (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.const 97)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8192))))
    ;; One in a thousand takes more bytes.
    (local.set $i (i32.const 0))
    (loop $long
      (i32.store16 (local.get $i) (i32.const 0x0181))
      (br_if $long (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1009))) (i32.const 8000))))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $decode)))
      (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
