;; Conway's game of life on a 32 × 16 torus. The board is one byte a cell at 0; step writes the next generation at 512 and
;; copies it back.
(module $life
  (memory (export "memory") 1)
  (func $cell (param $x i32) (param $y i32) (result i32)
    (i32.load8_u
      (i32.add
        (i32.shl (i32.and (local.get $y) (i32.const 15)) (i32.const 5))
        (i32.and (local.get $x) (i32.const 31)))))
  (func $neighbours (param $x i32) (param $y i32) (result i32)
    (local $west i32) (local $east i32) (local $north i32) (local $south i32)
    (local.set $west (i32.sub (local.get $x) (i32.const 1)))
    (local.set $east (i32.add (local.get $x) (i32.const 1)))
    (local.set $north (i32.sub (local.get $y) (i32.const 1)))
    (local.set $south (i32.add (local.get $y) (i32.const 1)))
    (i32.add
      (i32.add
        (i32.add (call $cell (local.get $west) (local.get $north)) (call $cell (local.get $x) (local.get $north)))
        (i32.add (call $cell (local.get $east) (local.get $north)) (call $cell (local.get $west) (local.get $y))))
      (i32.add
        (i32.add (call $cell (local.get $east) (local.get $y)) (call $cell (local.get $west) (local.get $south)))
        (i32.add (call $cell (local.get $x) (local.get $south)) (call $cell (local.get $east) (local.get $south))))))
  (func (export "step") (param $generations i32) (result i32)
    (local $x i32) (local $y i32) (local $n i32) (local $alive i32)
    (loop $again
      (local.set $alive (i32.const 0))
      (local.set $y (i32.const 0))
      (loop $rows
        (local.set $x (i32.const 0))
        (loop $cells
          (local.set $n (call $neighbours (local.get $x) (local.get $y)))
          (local.set $n
            (i32.or
              (i32.eq (local.get $n) (i32.const 3))
              (i32.and (i32.eq (local.get $n) (i32.const 2)) (call $cell (local.get $x) (local.get $y)))))
          (local.set $alive (i32.add (local.get $alive) (local.get $n)))
          (i32.store8
            (i32.add (i32.const 512) (i32.add (i32.shl (local.get $y) (i32.const 5)) (local.get $x)))
            (local.get $n))
          (local.set $x (i32.add (local.get $x) (i32.const 1)))
          (br_if $cells (i32.lt_u (local.get $x) (i32.const 32))))
        (local.set $y (i32.add (local.get $y) (i32.const 1)))
        (br_if $rows (i32.lt_u (local.get $y) (i32.const 16))))
      (memory.copy (i32.const 0) (i32.const 512) (i32.const 512))
      (local.set $generations (i32.sub (local.get $generations) (i32.const 1)))
      (br_if $again (i32.gt_s (local.get $generations) (i32.const 0))))
    (local.get $alive)))
