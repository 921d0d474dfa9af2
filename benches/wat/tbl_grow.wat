;; 10000 times a round: table.grow by 8. The table is never made smaller.
(module
  (table $t 0 anyref)
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $failed i32)
    (loop $round
      (local.set $i (i32.const 10000))
      (loop $in
        (local.set $failed (i32.or (local.get $failed)
          (i32.eq (table.grow $t (ref.i31 (local.get $i)) (i32.const 8)) (i32.const -1))))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $failed)))
