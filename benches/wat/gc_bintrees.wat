;; Trees of 32767 nodes, made, counted and dropped.
(module
  (type $node (sub final (struct (field $left (ref null $node)) (field $right (ref null $node)))))
  (func $make (param $depth i32) (result (ref $node))
    (if (i32.eqz (local.get $depth)) (then (return (struct.new_default $node))))
    (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
    (struct.new $node (call $make (local.get $depth)) (call $make (local.get $depth))))
  (func $count (param $n (ref null $node)) (result i32)
    (if (ref.is_null (local.get $n)) (then (return (i32.const 0))))
    (i32.add (i32.const 1)
      (i32.add (call $count (struct.get $node $left (local.get $n))) (call $count (struct.get $node $right (local.get $n))))))
  (func (export "run") (param $rounds i32) (result i32) (local $sum i32)
    (loop $round
      (local.set $sum (i32.add (local.get $sum) (call $count (call $make (i32.const 14)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
