;; Lists of 100000 cells, made, summed and dropped.
(module
  (type $cell (sub final (struct (field $value i32) (field $next (ref null $cell)))))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $list (ref null $cell)) (local $sum i32)
    (loop $round
      (local.set $i (i32.const 100000))
      (loop $make
        (local.set $list (struct.new $cell (local.get $i) (local.get $list)))
        (br_if $make (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (loop $walk
        (local.set $sum (i32.add (local.get $sum) (struct.get $cell $value (local.get $list))))
        (br_if $walk (i32.eqz (ref.is_null (local.tee $list (struct.get $cell $next (local.get $list)))))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
