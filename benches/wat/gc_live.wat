;; 100000 short-lived pairs a round beside a live tree of 262143 nodes.
(module
  (type $node (sub final (struct (field $left (mut (ref null $node))) (field $right (mut (ref null $node))))))
  (global $kept (mut (ref null $node)) (ref.null $node))
  (func $make (param $depth i32) (result (ref $node))
    (if (i32.eqz (local.get $depth)) (then (return (struct.new_default $node))))
    (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
    (struct.new $node (call $make (local.get $depth)) (call $make (local.get $depth))))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $pair (ref null $node)) (local $sum i32)
    (if (ref.is_null (global.get $kept)) (then (global.set $kept (call $make (i32.const 17)))))
    (local.set $pair (struct.new_default $node))
    (loop $round
      (local.set $i (i32.const 100000))
      (loop $in
        ;; Looks at the last one, so that no compiler can do without the pairs.
        (local.set $sum (i32.add (local.get $sum) (ref.is_null (struct.get $node $left (local.get $pair)))))
        (local.set $pair (struct.new $node (struct.new_default $node) (ref.null $node)))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
