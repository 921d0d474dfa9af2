;; A program with a bug, which the host survives.
(module $divide
  (func $quotient (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $average (export "average") (param $sum i32) (param $count i32) (result i32)
    (call $quotient (local.get $sum) (local.get $count))))
