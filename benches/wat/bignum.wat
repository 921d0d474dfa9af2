;; Products of two numbers of 4096 bits, limb by limb, by wide arithmetic; $rounds of them.
(module
  (memory 1)
  ;; a at 0, b at 512, the product at 1024.
  (func $mul (local $i i32) (local $j i32) (local $carry i64) (local $low i64) (local $high i64) (local $x i64) (local $at i32)
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 1024))
    (loop $rows
      (local.set $x (i64.load (local.get $i)))
      (local.set $carry (i64.const 0))
      (local.set $j (i32.const 0))
      (local.set $at (i32.add (i32.const 1024) (local.get $i)))
      (loop $row
        (i64.mul_wide_u (local.get $x) (i64.load offset=512 (local.get $j)))
        (i64.load (local.get $at)) (i64.const 0)
        i64.add128
        (local.get $carry) (i64.const 0)
        i64.add128
        local.set $carry
        local.set $low
        (i64.store (local.get $at) (local.get $low))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $row (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 8))) (i32.const 512))))
      (i64.store (local.get $at) (local.get $carry))
      (br_if $rows (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 512)))))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $sum i64)
    (loop $fill
      (i64.store (local.get $i) (i64.mul (i64.extend_i32_u (i32.add (local.get $i) (i32.const 1))) (i64.const 0x9e3779b97f4a7c15)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 1024))))
    (loop $again
      (call $mul)
      ;; The next factor depends on this product.
      (i64.store (i32.const 0) (i64.load offset=1536 (i32.const 0)))
      (local.set $sum (i64.xor (local.get $sum) (i64.load offset=2040 (i32.const 0))))
      (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (i32.wrap_i64 (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 32))))))
